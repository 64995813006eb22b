"""TensorBoardX: one event file, a call for each metric."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from tensorboardX import SummaryWriter
from tensorboardX.proto.event_pb2 import Event

_writer: SummaryWriter


def start(directory: Path) -> None:
    global _writer
    _writer = SummaryWriter(str(directory))


def log(metrics: dict[str, float], step: int) -> None:
    for key, value in metrics.items():
        _writer.add_scalar(key, value, step)


def finish() -> None:
    _writer.close()


def steps_in(directory: Path) -> int:
    events = [Event.FromString(record) for path in directory.iterdir() for record in records(path)]
    return len({event.step for event in events if event.summary.value})


def records(path: Path) -> Iterator[bytes]:
    """The whole records of a TFRecord file: length, its checksum, data, its checksum."""
    data, at = path.read_bytes(), 0
    while at + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        if at + length + 16 > len(data):
            return
        yield data[at + 12 : at + 12 + length]
        at += length + 16

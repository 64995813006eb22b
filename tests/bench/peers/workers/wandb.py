"""W&B, offline: a LevelDB log of protobuf records, written by a process of its own."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import wandb
from wandb.proto.wandb_internal_pb2 import Record

FILE_HEADER, BLOCK, HEADER = 7, 32768, struct.Struct("<IHB")
FULL, FIRST, LAST = 1, 2, 4

_run: wandb.Run


def start(directory: Path) -> None:
    global _run
    settings = wandb.Settings(x_disable_stats=True)
    _run = wandb.init(project="bench", dir=str(directory), settings=settings)


def log(metrics: dict[str, float], step: int) -> None:
    _run.log(metrics, step=step)


def finish() -> None:
    _run.finish()


def steps_in(directory: Path) -> int:
    (path,) = directory.rglob("*.wandb")
    found = (Record.FromString(record) for record in records(path.read_bytes()))
    return len({record.history.step.num for record in found if record.HasField("history")})


def records(data: bytes) -> Iterator[bytes]:
    """The whole records of a LevelDB log: fragments in blocks, each with checksum, length, kind."""
    at, record = FILE_HEADER, b""
    while at + HEADER.size <= len(data):
        if BLOCK - at % BLOCK < HEADER.size:
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = HEADER.unpack_from(data, at)
        fragment = data[at + HEADER.size : at + HEADER.size + length]
        if kind == 0 or len(fragment) < length:
            return
        record = fragment if kind in (FULL, FIRST) else record + fragment
        if kind in (FULL, LAST):
            yield record
        at += HEADER.size + length

"""Realistic points, and stored runs that are full of them without a million `log()` calls."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from otel_trackio import identity, layout, pointlog, semconv
from otel_trackio.model import Columns, Event, Ints, Points, Series, Values
from otel_trackio.runfile import FOLD_AT, RunFile

PIECE = 65536
"""Steps that are appended together, at most."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How much a run logged: `keys` metrics at each of `steps` steps, `interval` ns apart."""

    keys: int
    steps: int
    interval: int = 300_000_000
    single: bool = True
    """Whether the values are those of float32, as losses are, or use all of float64."""

    @property
    def names(self) -> list[str]:
        return [f"train/metric_{number}" for number in range(self.keys)]


def losses(start: int, stop: int, of: int, noise: np.random.Generator, single: bool) -> Values:
    """A noisy decay over `of` steps, those from `start` to `stop`."""
    at = np.arange(start, stop) / of
    values = np.exp(-5 * at) + noise.normal(0, 0.05, stop - start)
    return values.astype(np.float32).astype(np.float64) if single else values


def pieces(
    shape: Shape, series: Sequence[int], first: int, piece: int = PIECE
) -> Iterator[list[Columns]]:
    """The points of a run as the writer thread hands them to a run file, `piece` steps a time.

    `first` is the number of the first of them.
    """
    noise = np.random.default_rng(0)
    begun = time.time_ns() - shape.steps * shape.interval
    for start in range(0, shape.steps, piece):
        stop = min(start + piece, shape.steps)
        step = np.arange(start, stop)
        times = _times(begun + start * shape.interval, len(step), shape.interval, noise)
        yield [
            Columns(
                series_id,
                first + step * shape.keys + place,
                Points(step, times, losses(start, stop, shape.steps, noise, shape.single)),
            )
            for place, series_id in enumerate(series)
        ]


def _times(start: int, amount: int, interval: int, noise: np.random.Generator) -> Ints:
    late = noise.normal(0, interval / 60, amount).clip(-interval / 4, interval / 4)
    return start + interval * np.arange(amount) + late.astype(np.int64)


def new_file(dir: Path, name: str, fold_at: int = FOLD_AT) -> RunFile:
    """An empty run file of a finished run whose id is its name."""
    writer, host = identity.new_id(), identity.this_host()
    meta = {
        "run_id": name,
        "writer": writer,
        "part": "main",
        "attempt": 1,
        "rank": 0,
        "created_ns": time.time_ns(),
        "host": host.name,
        "boot_id": host.boot_id,
        "pid": 0,
    }
    file = RunFile.create(layout.run_file(dir, name, writer), meta, fold_at)
    about = {"name": name, "project": "bench", "group": "", "tags": [], "created": time.time_ns()}
    with file.transaction():
        for kind, data in (("run", about), ("state", {"state": "finished", "exit_code": 0})):
            file.add_event(file.take_numbers(1), Event(kind, time.time_ns(), data))
    return file


def series_of(file: RunFile, shape: Shape) -> list[int]:
    """The ids of the run's metrics in the file."""
    with file.transaction():
        return [
            file.series_id(Series(key, name=key, scope=semconv.LOG_SCOPE)) for key in shape.names
        ]


def store(dir: Path, name: str, shape: Shape, loose: int = 0) -> None:
    """A run whose points lie in chunks, but for those of its last `loose` steps.

    `loose` steps at most fit into the last piece.
    """
    file = new_file(dir, name, fold_at=0)
    series = series_of(file, shape)
    first = file.take_numbers(shape.steps * shape.keys)
    for columns in pieces(shape, series, first):
        folded = len(columns[0])
        if loose and columns[0].points.step[-1] == shape.steps - 1:
            folded -= loose
        with file.transaction():
            file.append([taken(each, slice(folded)) for each in columns])
            pointlog.insert(file.connection, [taken(each, slice(folded, None)) for each in columns])
    file.close()


def taken(columns: Columns, kept: slice) -> Columns:
    """Some of the points."""
    points = columns.points
    part = Points(points.step[kept], points.time[kept], points.value[kept])
    return Columns(columns.series, columns.seq[kept], part)

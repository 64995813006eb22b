"""How fast points are stored, and what a stored point weighs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import otel_trackio
from otel_trackio.runfile import FOLD_AT
from tests.bench.data import Shape, new_file, pieces, series_of
from tests.bench.table import Row

BOUND = 16.0
"""Bytes that a point may take on the disk once it is folded, rollups included."""

KEYS = 10
BATCH = 1_000
"""Steps that are stored in one transaction."""

NEVER = 2**62


def rows(quick: bool) -> list[Row]:
    shape = Shape(KEYS, 20_000 if quick else 100_000)
    noise = Shape(KEYS, shape.steps, single=False)
    many = Shape(1_000, 300)
    return [
        Row("log() until stored, folds included", _logged(shape) / 1e3, "k points/s"),
        Row("append, folds included", _best_rate(shape, FOLD_AT) / 1e3, "k points/s"),
        Row("append to the log alone", _best_rate(shape, NEVER) / 1e3, "k points/s"),
        Row(
            f"append, {many.keys:,} keys, a step at a time",
            _rate(many, FOLD_AT, batch=1) / 1e3,
            "k points/s",
        ),
        *_weights("float32 losses", shape),
        *_weights("float64 losses", noise),
    ]


def _logged(shape: Shape) -> float:
    """Points a second of a loop that does nothing but log, until the last one is stored."""
    metrics = dict.fromkeys(shape.names, 0.5)
    with tempfile.TemporaryDirectory() as dir, otel_trackio.init("bench", dir=dir) as run:
        begin = time.perf_counter()
        for step in range(shape.steps):
            metrics["train/metric_0"] = step / 3
            run.log(metrics, step)
        run.flush(timeout=60)
        taken = time.perf_counter() - begin
        if run.points != shape.steps * shape.keys:
            raise RuntimeError(f"{run.points} points stored of {shape.steps * shape.keys}")
    return shape.steps * shape.keys / taken


def _best_rate(shape: Shape, fold_at: int) -> float:
    """Points a second, the best of three times: others use the machine too."""
    return max(_rate(shape, fold_at, BATCH) for _ in range(3))


def _rate(shape: Shape, fold_at: int, batch: int) -> float:
    with tempfile.TemporaryDirectory() as dir:
        file = new_file(Path(dir), "rate", fold_at)
        series = series_of(file, shape)
        taken = 0.0
        for columns in pieces(shape, series, file.take_numbers(0), batch):
            begin = time.perf_counter()
            with file.transaction():
                file.take_numbers(sum(map(len, columns)))
                file.append(columns)
            taken += time.perf_counter() - begin
        file.close()
    return shape.steps * shape.keys / taken


def _weights(what: str, shape: Shape) -> Iterator[Row]:
    points = shape.steps * shape.keys
    with tempfile.TemporaryDirectory() as dir:
        file = new_file(Path(dir), "weight", NEVER)
        series = series_of(file, shape)
        for columns in pieces(shape, series, file.take_numbers(0), BATCH):
            with file.transaction():
                file.take_numbers(sum(map(len, columns)))
                file.append(columns)
        file.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        yield Row(f"{what}, before folding", file.path.stat().st_size / points, "B/point")
        file.fold_all()
        file.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        yield Row(f"{what}, folded", file.path.stat().st_size / points, "B/point", BOUND)
        file.close()

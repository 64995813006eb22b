"""Rows as anybody reads them from a remote's files, and as run files hold them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeAlias

import pyarrow.dataset as ds

from otel_trackio import layout
from otel_trackio.model import NO_STEP
from otel_trackio.reader import RunFileReader

TABLES: Final = ("points", "events", "histograms", "records")

SHOWN: Final = (("time", "data"), ("key", "attributes", "step", "time", "exact"))
"""Columns that are compared: of other tables, and of points."""

Rows: TypeAlias = dict[str, list[tuple[tuple[str, int], Any]]]
"""By table, the writer and number of each row, and what is in it; values as text, which tells apart
all that differs."""


def check_held(root: Path, wanted: Rows) -> None:
    """The Parquet files under a folder hold what is wanted, each row once, and nothing else."""
    found = held(root)
    for table in TABLES:
        numbers = [number for number, _ in found[table]]
        assert numbers == [number for number, _ in sorted(wanted[table])], table
        assert found[table] == sorted(wanted[table]), table


def held(root: Path) -> Rows:
    """Every row under a folder, none left out but those that introduce writers."""
    return {table: sorted(_held(root / "data/v1" / table, table)) for table in TABLES}


def _held(folder: Path, table: str) -> Iterable[tuple[tuple[str, int], Any]]:
    if not folder.exists():
        return []
    read = ds.dataset(folder, format="parquet").to_table()
    columns = {name: read[name].to_pylist() for name in read.column_names if name != "time"}
    columns["time"] = read["time"].cast("int64").to_pylist()
    if table == "points":
        values = zip(columns["value"], columns["integer"], columns["digits"], strict=True)
        columns["exact"] = [_exact(*each) for each in values]
    rows = zip(*(columns[name] for name in SHOWN[table == "points"]), strict=True)
    keys = zip(columns["writer"], columns["seq"], strict=True)
    return [(key, repr(row)) for key, row in zip(keys, rows, strict=True) if key[1] > 0]


def _exact(value: float, integer: int | None, digits: str | None) -> float | int:
    return int(digits) if digits is not None else value if integer is None else integer


def stored(dir: Path) -> Rows:
    """Every row of the run files in a directory of runs."""
    found: Rows = {table: [] for table in TABLES}
    for path in (path for run in layout.run_dirs(dir) for path in layout.run_files(run)):
        reader = RunFileReader(path)
        with closing(reader), reader.snapshot():
            writer = reader.meta()["writer"]
            found["points"] += _points(reader, writer)
        with closing(sqlite3.connect(path)) as db:
            for table in TABLES[1:]:
                rows = db.execute(f"SELECT seq, time_ns, data FROM {table.removesuffix('s')}")
                found[table] += [((writer, seq), repr(tuple(row))) for seq, *row in rows]
    return found


def _points(reader: RunFileReader, writer: str) -> Iterable[tuple[tuple[str, int], Any]]:
    for id, series in reader.series().items():
        if columns := reader.columns(id):
            points = columns.points
            steps = (None if step == NO_STEP else step for step in points.step.tolist())
            rows = zip(steps, points.time.tolist(), points.value.tolist(), strict=True)
            for seq, row in zip(columns.seq.tolist(), rows, strict=True):
                yield (writer, seq), repr((series.key, series.attributes, *row))

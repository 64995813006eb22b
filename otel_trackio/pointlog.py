"""The log table of a run file: points not folded yet, one row each, in their numbers' order."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import repeat
from typing import Any, Final

import numpy as np

from otel_trackio.chunk import column_of
from otel_trackio.model import NO_STEP, Columns, Points, Values

SQLITE_MAX: Final = 2**63
_PLAIN: Final = {float, int}


def insert(db: sqlite3.Connection, columns: Sequence[Columns]) -> None:
    """Adds numbered points."""
    rows: list[tuple[int, int, int | None, int, Any]] = []
    for each in columns:
        steps: list[int | None] = each.points.step.tolist()
        if (each.points.step == NO_STEP).any():
            steps = [None if step == NO_STEP else step for step in steps]
        values = each.points.value.tolist()
        if each.points.value.dtype == object:
            values = [sql_value(value) for value in values]
        rows += zip(
            each.seq.tolist(), repeat(each.series), steps, each.points.time.tolist(), values
        )
    rows.sort()  # Appending in rowid order is what makes the log fast.
    db.executemany("INSERT INTO point VALUES (?, ?, ?, ?, ?)", rows)


def read(db: sqlite3.Connection, after: int = 0, last: int = SQLITE_MAX - 1) -> dict[int, Columns]:
    """The log's points numbered above `after`, up to `last`, by series."""
    query = (
        "SELECT seq, series, coalesce(step, ?), time_ns, value FROM point"
        " WHERE seq > ? AND seq <= ? ORDER BY seq"
    )
    rows = db.execute(query, (NO_STEP, after, last)).fetchall()
    if not rows:
        return {}
    seq, series, step, time, value = zip(*rows, strict=True)
    by_series = np.asarray(series, dtype=np.int64)
    integers = np.asarray((seq, step, time), dtype=np.int64)
    values = np.empty(len(rows), dtype=object)
    values[:] = value
    found: dict[int, Columns] = {}
    for key in np.unique(by_series).tolist():
        where = np.flatnonzero(by_series == key)
        seqs, steps, times = integers[:, where]
        points = Points(steps, times, _column(values[where].tolist()))
        found[key] = Columns(key, seqs, points)
    return found


def _column(stored: list[Any]) -> Values:
    if not _PLAIN.issuperset(map(type, stored)):
        stored = [number(value) for value in stored]
    return column_of(stored)


def sql_value(value: float | int) -> float | int | str:
    """A number as SQLite keeps it exactly: integers beyond int64 as text; NaN becomes NULL."""
    if isinstance(value, int) and not -SQLITE_MAX <= value < SQLITE_MAX:
        return str(value)
    return value


def number(value: float | int | str | None) -> float | int:
    """The inverse of `sql_value`."""
    if value is None:
        return float("nan")
    return int(value) if isinstance(value, str) else value

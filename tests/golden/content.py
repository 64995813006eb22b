"""What our own public interface shows of a golden directory, in the form of expected.json.

A float is text in hexadecimal, so that every bit counts: 3 is the integer, "0x1.8p+1" the float.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from otel_trackio import Api, rollup
from otel_trackio.history import History
from otel_trackio.metric import key_of
from otel_trackio.model import NO_STEP, Series
from otel_trackio.query import Axis
from otel_trackio.runfile import SERIES_COLUMNS
from otel_trackio.storedrun import StoredRun

MAX_BUCKETS = 8
"""So few that stored rollups serve."""

COUNTS = ("index", "count", "nan", "pos_inf", "neg_inf")
VALUES = ("min", "max", "sum", "last")


def exact(value: Any) -> Any:
    """The same with every float as text."""
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, Mapping):
        return {key: exact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [exact(item) for item in value]
    return value


def content(dir: Path, run_id: str) -> dict[str, Any]:
    api = Api(dir)
    with api.run(run_id) as run:
        metrics = run.metrics()
        numbers = [metric for metric in metrics if metric.kind != "histogram"]
        aggregates = [metric for metric in metrics if metric.kind == "histogram"]
        described = ("kind", "unit", "description", "scope", "ranks")
        return {
            "id": run.id,
            "facts": _fields(
                run.facts(),
                *("name", "project", "group", "notes", "tags", "created"),
                *("config", "summary", "resource", "deleted"),
            ),
            "standing": _standing(run),
            "metrics": {metric.key: _fields(metric, *described) for metric in metrics},
            "curves": {
                metric.key: {str(rank): _curve(run, metric.key, rank) for rank in metric.ranks}
                for metric in numbers
            },
            "histograms": {
                metric.key: [
                    _beside(each) | {"start": each.start} for each in run.histograms(metric.key)
                ]
                for metric in aggregates
            },
            "records": [
                _beside(each) | {"kind": each.kind, "key": each.key} for each in run.alerts()
            ],
            "buckets": {
                axis: _charts(api, run, axis, [metric.key for metric in numbers])
                for axis in ("step", "time")
            },
            "rollups": dict(_rollups(path) for path in sorted(run.path.glob("*.db"))),
        }


def _fields(value: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def _standing(run: StoredRun) -> dict[str, Any]:
    standing = run.standing()
    names = ("state", "started", "ended", "last_step", "points", "torn", "lamport")
    attempts = {str(rank): attempt for rank, attempt in standing.attempts.items()}
    return _fields(standing, *names) | {"attempts": attempts}


def _curve(run: StoredRun, key: str, rank: int) -> dict[str, Any]:
    every, counting = (_points(run.history(key, rank, all=every)) for every in (True, False))
    return {"all": every, "outdone": [point for point in every if point not in counting]}


def _points(history: History) -> list[list[Any]]:
    rows = zip(*(column.tolist() for column in history.values()), strict=True)
    return [exact(row) for row in rows]  # Here already, since NaN equals nothing.


def _beside(each: Any) -> dict[str, Any]:
    step = None if each.step == NO_STEP else each.step
    return {"step": step, "time": each.time, "data": each.data}


def _charts(api: Api, run: StoredRun, axis: Axis, keys: list[str]) -> dict[str, Any]:
    curves = api.query([run], sorted(keys), axis, max_points=MAX_BUCKETS)
    (width,) = {curve.buckets.width for curve in curves}
    shown = {curve.key: _rows(curve.buckets, *COUNTS, *VALUES) for curve in curves}
    return {"width": width, "curves": shown}


def _rows(buckets: rollup.Buckets, *names: str) -> list[list[Any]]:
    columns = (getattr(buckets, name).tolist() for name in names)
    return [list(row) for row in zip(*columns, strict=True)]


def _rollups(path: Path) -> tuple[str, list[dict[str, Any]]]:
    """What the table of one file holds, which the public interface only makes use of."""
    db = sqlite3.connect(path)
    try:
        (writer,) = db.execute("SELECT value FROM meta WHERE key = 'writer'").fetchone()
        stored = db.execute(f"SELECT id, {SERIES_COLUMNS} FROM series").fetchall()
        series = {key: key_of(Series(*row)) for key, *row in stored}
        found = db.execute(
            "SELECT chunk.series, first_seq, rollup.axis, width, data"
            " FROM rollup JOIN chunk ON chunk.id = rollup.chunk"
        ).fetchall()
    finally:
        db.close()
    rows = [
        {
            "metric": series[key],
            "first_seq": first_seq,
            "axis": axis,
            "width": width,
            "buckets": _rows(rollup.decode(data), *COUNTS, "last_seq", *VALUES),
        }
        for key, first_seq, axis, width, data in found
    ]
    order = ("metric", "first_seq", "axis", "width")
    return str(writer), sorted(rows, key=lambda each: [each[name] for name in order])

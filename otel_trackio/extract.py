"""What a run file holds under a range of its numbers, read without reading the rest."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

from otel_trackio import numbered
from otel_trackio.model import NO_STEP, Event, Record
from otel_trackio.runfile import RunFile
from otel_trackio.segment import Extract, Owner


def extract(file: RunFile, first: int, last: int) -> Extract:
    """Everything numbered `first` to `last`, both included; times and values as recorded."""
    db = file.connection
    owner = Owner(*(file.meta(name) for name in ("run_id", "writer", "attempt", "rank")))
    series = {series_id: series for series, series_id in file.series_ids().items()}
    return Extract(
        owner,
        tuple((series[key], columns) for key, columns in numbered.points(db, first, last).items()),
        tuple(_events(db, owner.writer, first, last)),
        tuple((seq, series[key], each) for seq, key, each in numbered.histograms(db, first, last)),
        tuple(_records(db, first, last)),
    )


def _events(db: sqlite3.Connection, writer: str, first: int, last: int) -> Iterator[Event]:
    query = (
        "SELECT kind, time_ns, data, lamport, seq FROM event WHERE seq BETWEEN ? AND ? ORDER BY seq"
    )
    for kind, time, data, lamport, seq in db.execute(query, (first, last)):
        yield Event(kind, time, json.loads(data), lamport, writer, seq)


def _records(db: sqlite3.Connection, first: int, last: int) -> Iterator[tuple[int, Record]]:
    query = (
        "SELECT seq, kind, key, coalesce(step, ?), time_ns, data FROM record"
        " WHERE seq BETWEEN ? AND ? ORDER BY seq"
    )
    for seq, kind, key, step, time, data in db.execute(query, (NO_STEP, first, last)):
        yield seq, Record(kind, key, step, time, json.loads(data))

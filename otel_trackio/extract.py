"""What a run file holds under a range of its numbers, read without reading the rest."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing

from otel_trackio import pointlog
from otel_trackio.fold import interleaved, read_chunks
from otel_trackio.model import NO_STEP, Columns, Event, Histogram, Points, Record
from otel_trackio.ranges import ROW_BYTES
from otel_trackio.runfile import RunFile
from otel_trackio.segment import Extract, Owner


def extract(file: RunFile, first: int, last: int) -> Extract:
    """Everything numbered `first` to `last`, both included; times and values as recorded."""
    db = file.connection
    owner = Owner(*(file.meta(name) for name in ("run_id", "writer", "attempt", "rank")))
    series = {series_id: series for series, series_id in file.series_ids().items()}
    return Extract(
        owner,
        tuple((series[key], columns) for key, columns in _points(db, first, last).items()),
        tuple(_events(db, owner.writer, first, last)),
        tuple((seq, series[key], each) for seq, key, each in _histograms(db, first, last)),
        tuple(_records(db, first, last)),
    )


def last_within(file: RunFile, after: int, last: int, room: int) -> int:
    """How far from `after` on, up to `last`, numbers hold at most `room` bytes of JSON.

    It is one number at least.
    """
    query = " UNION ALL ".join(
        f"SELECT seq, length(data) FROM {table} WHERE seq > :after AND seq <= :last"
        for table in ("event", "histogram", "record")
    )
    found = file.connection.execute(f"{query} ORDER BY 1", {"after": after, "last": last})
    with closing(found):
        for seq, size in found:
            room -= size + ROW_BYTES
            if room < 0 and seq > after + 1:
                return int(seq) - 1
    return last


def _points(db: sqlite3.Connection, first: int, last: int) -> dict[int, Columns]:
    parts: dict[int, list[Columns]] = {}
    query = "SELECT id FROM chunk WHERE last_seq >= ? AND first_seq <= ? ORDER BY axis, first_seq"
    chunk_ids = [chunk_id for (chunk_id,) in db.execute(query, (first, last))]
    for columns in read_chunks(db, chunk_ids):
        # Of thousands of keys only what is wanted is held, and one whole chunk.
        _add(parts, _between(columns, first, last))
    for columns in pointlog.read(db, first - 1, last).values():
        _add(parts, columns)
    return {key: interleaved(each) for key, each in parts.items()}


def _add(parts: dict[int, list[Columns]], columns: Columns) -> None:
    if len(columns):
        parts.setdefault(columns.series, []).append(columns)


def _between(columns: Columns, first: int, last: int) -> Columns:
    kept = (columns.seq >= first) & (columns.seq <= last)
    points = columns.points
    inside = Points(points.step[kept], points.time[kept], points.value[kept])
    return Columns(columns.series, columns.seq[kept], inside)


def _events(db: sqlite3.Connection, writer: str, first: int, last: int) -> Iterator[Event]:
    query = (
        "SELECT kind, time_ns, data, lamport, seq FROM event WHERE seq BETWEEN ? AND ? ORDER BY seq"
    )
    for kind, time, data, lamport, seq in db.execute(query, (first, last)):
        yield Event(kind, time, json.loads(data), lamport, writer, seq)


def _histograms(
    db: sqlite3.Connection, first: int, last: int
) -> Iterator[tuple[int, int, Histogram]]:
    query = (
        "SELECT seq, series, coalesce(step, ?), time_ns, start_ns, data FROM histogram"
        " WHERE seq BETWEEN ? AND ? ORDER BY seq"
    )
    for seq, series, step, time, start, data in db.execute(query, (NO_STEP, first, last)):
        yield seq, series, Histogram(step, time, start, json.loads(data))


def _records(db: sqlite3.Connection, first: int, last: int) -> Iterator[tuple[int, Record]]:
    query = (
        "SELECT seq, kind, key, coalesce(step, ?), time_ns, data FROM record"
        " WHERE seq BETWEEN ? AND ? ORDER BY seq"
    )
    for seq, kind, key, step, time, data in db.execute(query, (NO_STEP, first, last)):
        yield seq, Record(kind, key, step, time, json.loads(data))

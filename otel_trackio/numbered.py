"""The points and histograms of a run file under a range of their numbers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing

from otel_trackio import pointlog
from otel_trackio.fold import interleaved, read_chunks
from otel_trackio.model import NO_STEP, Columns, Histogram, Points
from otel_trackio.ranges import ROW_BYTES


def points(
    db: sqlite3.Connection, first: int, last: int, only: Collection[int] | None = None
) -> dict[int, Columns]:
    """By the id of their series, times and values as recorded; `only` of some series, if given.
    The rest of the file is not read."""
    parts: dict[int, list[Columns]] = {}
    # With the plus the chunks are found by their numbers; else all there are would be looked at.
    query = (
        "SELECT id, series FROM chunk WHERE last_seq >= ? AND first_seq <= ?"
        " ORDER BY +axis, first_seq"
    )
    found = db.execute(query, (first, last)).fetchall()
    chunk_ids = [chunk_id for chunk_id, series in found if only is None or series in only]
    for columns in read_chunks(db, chunk_ids):
        # Of thousands of keys only what is wanted is held, and one whole chunk.
        _add(parts, _between(columns, first, last))
    for columns in pointlog.read(db, first - 1, last).values():
        if only is None or columns.series in only:
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


def histograms(
    db: sqlite3.Connection, first: int, last: int
) -> Iterator[tuple[int, int, Histogram]]:
    """Each with its number and the id of its series."""
    query = (
        "SELECT seq, series, coalesce(step, ?), time_ns, start_ns, data FROM histogram"
        " WHERE seq BETWEEN ? AND ? ORDER BY seq"
    )
    for seq, series, step, time, start, data in db.execute(query, (NO_STEP, first, last)):
        yield seq, series, Histogram(step, time, start, json.loads(data))


def last_within(db: sqlite3.Connection, after: int, last: int, room: int) -> int:
    """How far from `after` on, up to `last`, numbers hold at most `room` bytes of JSON.

    It is one number at least.
    """
    query = " UNION ALL ".join(
        f"SELECT seq, length(data) FROM {table} WHERE seq > :after AND seq <= :last"
        for table in ("event", "histogram", "record")
    )
    found = db.execute(f"{query} ORDER BY 1", {"after": after, "last": last})
    with closing(found):
        for seq, size in found:
            room -= size + ROW_BYTES
            if room < 0 and seq > after + 1:
                return int(seq) - 1
    return last

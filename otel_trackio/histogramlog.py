"""The aggregates of histograms in a run file."""

from __future__ import annotations

import json
import sqlite3
from itertools import islice

from otel_trackio.model import NO_STEP, Histogram


def read(db: sqlite3.Connection, series: int, every: int = 1) -> list[Histogram]:
    """Those of a series in the order recorded, or one in so many of them."""
    query = (
        "SELECT coalesce(step, ?), time_ns, start_ns, data FROM histogram"
        " WHERE series = ? ORDER BY seq"
    )
    rows = islice(db.execute(query, (NO_STEP, series)), 0, None, every)
    return [Histogram(step, time, start, json.loads(data)) for step, time, start, data in rows]


def count(db: sqlite3.Connection, series: int) -> int:
    """How many a series has."""
    query = "SELECT count(*) FROM histogram WHERE series = ?"
    (found,) = db.execute(query, (series,)).fetchone()
    return int(found)


def size(db: sqlite3.Connection, series: int) -> int:
    """How many characters they take."""
    query = "SELECT coalesce(sum(length(data)), 0) FROM histogram WHERE series = ?"
    (found,) = db.execute(query, (series,)).fetchone()
    return int(found)

"""What an exporter for Prometheus must remember: running totals, and what it sent last.

Prometheus knows only what counts from a start, so differences are added up. What an export adds is
kept aside until it went through, and committed together with that: a request is added once however
often it is tried, and across restarts where there is a file.
"""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otel_trackio.errors import StoreError

MAX_TOTALS: Final = 100_000
"""Series of differences that are added up at a time; those silent for the longest are forgotten."""

MAX_REQUESTS: Final = 10_000
"""The newest requests that are remembered: the log's cursor is never further behind."""

_SCHEMA: Final = """
create table if not exists total (series text primary key, parts text, time int, used real)
  without rowid;
create table if not exists request (place integer primary key, digest blob unique, done int);
"""


@dataclass(frozen=True, slots=True)
class Total:
    """`time` is that of the newest point that was added, in ms."""

    parts: Mapping[str, float]
    time: int


class Totals:
    """In the SQLite file at `path`, or in memory alone, where a restart begins again at zero.

    Raises StoreError where the file cannot be used. Used by one thread.
    """

    def __init__(self, path: Path | None = None, limit: int = MAX_TOTALS) -> None:
        self._path = path
        self._limit = limit
        self._added: dict[str, Total] = {}
        try:
            self._db = sqlite3.connect(path or ":memory:", check_same_thread=False)
            # NORMAL: a power cut may lose the last commits, which repeats an export.
            self._db.executescript(f"pragma journal_mode=wal;pragma synchronous=normal;{_SCHEMA}")
            rows = self._db.execute("select series, parts, time from total").fetchall()
            requests = self._db.execute(
                "select digest, done from request order by place"
            ).fetchall()
        except sqlite3.Error as error:
            hint = "move it away: totals begin anew"
            raise StoreError(f"cannot use {path}: {error}", hint) from error
        self._totals = {key: Total(json.loads(parts), time) for key, parts, time in rows}
        self._requests = {bytes(digest): bool(done) for digest, done in requests}

    def add(self, key: str, parts: Mapping[str, float], time: int) -> Mapping[str, float] | None:
        """The total with this in it; None where a newer one was given: the next will have it.

        What is no number adds nothing, or there would be no total from then on.
        """
        parts = {name: 0.0 if math.isnan(value) else value for name, value in parts.items()}
        total = self._added.get(key) or self._totals.get(key)
        if total is None:
            self._added[key] = Total(parts, time)
            return parts
        summed = dict(total.parts)
        for name, value in parts.items():
            summed[name] = summed.get(name, 0.0) + value
        self._added[key] = Total(summed, max(time, total.time))
        return summed if time > total.time else None

    def state(self, digest: bytes) -> bool | None:
        """True of a request that went through, False of one that may have, None of another."""
        return self._requests.get(digest)

    def begin(self, digests: Collection[bytes]) -> None:
        """These requests may go out from now on."""
        rows = [(each, False) for each in digests]
        with self._db:
            self._db.executemany("replace into request (digest, done) values (?, ?)", rows)
            self._db.execute(
                "delete from request where place <= (select max(place) from request) - ?",
                (MAX_REQUESTS,),
            )
        for each in digests:
            self._requests.pop(each, None)
            self._requests[each] = False
        while len(self._requests) > MAX_REQUESTS:
            del self._requests[next(iter(self._requests))]

    def commit(self, digests: Collection[bytes]) -> None:
        """These requests went through: what they added stays."""
        now = time.time()
        rows = [
            (key, json.dumps(total.parts), total.time, now) for key, total in self._added.items()
        ]
        with self._db:
            self._db.executemany("replace into total values (?, ?, ?, ?)", rows)
            self._db.executemany(
                "update request set done = 1 where digest = ?", ((each,) for each in digests)
            )
        self._totals.update(self._added)
        self._added.clear()
        self._requests.update(dict.fromkeys(digests, True))
        if len(self._totals) > self._limit:
            self._forget(len(self._totals) - self._limit)

    def rollback(self) -> None:
        """What was added since the last commit will be added again."""
        self._added.clear()

    def close(self) -> None:
        self._db.close()

    def _forget(self, many: int) -> None:
        query = "delete from total where series in (select series from total order by used limit ?)"
        with self._db:
            for (key,) in self._db.execute(f"{query} returning series", (many,)).fetchall():
                self._totals.pop(key, None)

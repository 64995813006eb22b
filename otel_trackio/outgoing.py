"""A run file on its way out by OTLP: how far it has come, and requests of what follows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from otel_trackio import database, forking, numbered, semconv
from otel_trackio.facts import Facts
from otel_trackio.model import Columns, Series
from otel_trackio.otlp import Encoder, Request
from otel_trackio.ranges import MAX_NUMBERS, MAX_TEXT
from otel_trackio.redact import redact
from otel_trackio.runfile import MEANT, REPLICA, SERIES_COLUMNS
from otel_trackio.standing import FORK
from otel_trackio.storedrun import StoredRun
from otel_trackio.stretch import Number, Stretch, Totals, running

_ENDS: Final = ("finished", "failed")


class Outgoing:
    """What of the file at `path` is numbered above `position` is still to be sent.

    Opens the file for each reading, and lets it go: its writer may replace it. Not thread-safe.
    """

    def __init__(self, path: Path, position: int = 0, ended: bool = False) -> None:
        """`ended` says that its writer is gone, so that the file holds all that there will be."""
        self.path = path
        self.position = position
        self._ended = ended
        self._series: dict[int, Series] = {}
        self._meta: dict[str, Any] = {}
        self._encoder: Encoder | None = None
        self._totals: Totals | None = {} if position == 0 else None

    def window(self, last: int) -> tuple[Stretch, str]:
        """What follows, up to `last` or as much as may be held at once; and how the run ended, if
        that is told there."""
        with self._reading() as db:
            if not self._meta:
                self._meta = dict(db.execute("SELECT key, value FROM meta"))
            if self._totals is None:
                self._totals = self._totals_at(db, self.position)
            first, last = self.position + 1, min(self.position + MAX_NUMBERS, last)
            last = numbered.last_within(db, self.position, last, MAX_TEXT)
            told, state = self._events(db, first, last)
            if told or self._encoder is None:
                self._encoder = Encoder(self._about(), self._meta["created_ns"])
            if not state and self._ended and self._meta["part"] == FORK:
                state = "finished" if last == self._meta["next_seq"] - 1 else ""
            return self._read(db, first, last), state

    def request(self, stretch: Stretch, state: str = "") -> Request:
        """The request of a part of the last window, which comes next; `state` ends the run."""
        return self._encoded(stretch, self._totals or {}, state)

    def passed(self, stretch: Stretch, totals: Totals | None = None) -> None:
        """It has been sent, or given up; `totals` is where counters stand behind it."""
        if totals is not None:
            self._totals = totals
        self.position = stretch.last

    def mark(self) -> tuple[int, Totals | None]:
        """Where it stands, for `back_to`."""
        return self.position, self._totals

    def back_to(self, mark: tuple[int, Totals | None]) -> None:
        """As if nothing had been passed since."""
        self.position, self._totals = mark

    def farewell(self, state: str) -> Request | None:
        """The last point that was sent, once more, with how the run ended: what has no points
        tells nothing. None where there never was one."""
        with self._reading() as db:
            number = _last_point(db, self.position)
            if number == 0:
                return None
            stretch = self._read(db, number, number)
            totals = self._totals_at(db, number - 1, [series for series, _ in stretch.points])
        return self._encoded(stretch, totals, state)

    def _encoded(self, stretch: Stretch, before: Totals, state: str) -> Request:
        assert self._encoder is not None, "no window was asked for"
        return self._encoder.encode(stretch, before, **({semconv.STATE: state} if state else {}))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """One moment of the file. Raises StoreError."""
        with forking.unforked(), closing(database.open_reading(self.path)) as db:
            try:
                db.execute("BEGIN")
                yield db
            except database.DAMAGE as error:
                raise database.damaged(self.path, error) from error

    def _read(self, db: sqlite3.Connection, first: int, last: int) -> Stretch:
        points = numbered.points(db, first, last)
        histograms = list(numbered.histograms(db, first, last))
        if not self._series.keys() >= {*points, *(series for _, series, _ in histograms)}:
            rows = db.execute(f"SELECT id, {SERIES_COLUMNS} FROM series")
            self._series = {series_id: Series(*row) for series_id, *row in rows}
        known = self._series
        return Stretch(
            first,
            last,
            tuple((known[series], columns) for series, columns in points.items()),
            tuple((number, known[series], each) for number, series, each in histograms),
        )

    def _totals_at(
        self, db: sqlite3.Connection, number: int, only: Collection[Series] | None = None
    ) -> Totals:
        """Where each counter of increments, or `only` some, stands behind that number."""
        rows = db.execute(f"SELECT id, {SERIES_COLUMNS} FROM series WHERE temporality = 'delta'")
        deltas = {key: Series(*row) for key, *row in rows}
        counters = {
            key: series
            for key, series in deltas.items()
            if series.increments and (only is None or series in only)
        }
        if not counters:
            return {}
        found = numbered.points(db, 1, number, counters)
        return {series: _total(found[key]) for key, series in counters.items() if key in found}

    def _events(self, db: sqlite3.Connection, first: int, last: int) -> tuple[bool, str]:
        """Whether anything is told of the run there, and its end, if that is the last of it."""
        query = "SELECT kind, data FROM event WHERE seq BETWEEN ? AND ? ORDER BY seq"
        events = db.execute(query, (first, last)).fetchall()
        states = [json.loads(data).get("state", "") for kind, data in events if kind == "state"]
        state = str(states[-1]) if states else ""
        return bool(events), state if state in _ENDS else ""

    def _about(self) -> dict[str, Any]:
        with StoredRun(self.path.parent) as run:
            return resource_of(self._meta, run.facts())


def resource_of(meta: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """The resource that a writer of a run is, by its file's `meta`.

    The instance is the run, so that curves go on when it is resumed; other ranks and forked
    children, whose counters are their own, are others.
    """
    instance = meta["run_id"]
    instance += f"/{meta['rank']}" if meta["rank"] else ""
    instance += f"/{meta['writer'][:8]}" if meta["part"] == FORK else ""
    own = {
        "service.name": facts.project,
        "service.instance.id": instance,
        "host.name": meta["host"],
        "process.pid": meta.get("pid"),
        semconv.RUN_ID: meta["run_id"],
        semconv.RUN_NAME: facts.name,
        semconv.RUN_GROUP: facts.group,
        semconv.PROJECT: facts.project,
        semconv.RANK: meta["rank"],
        semconv.WORLD_SIZE: meta.get("world_size"),
        semconv.ATTEMPT: meta["attempt"],
        semconv.WRITER_ID: meta["writer"],
    }
    told = {key: value for key, value in own.items() if value not in (None, "")}
    # Empty means nowhere, which is something else than not told.
    synced = meta.get(REPLICA) or meta.get(MEANT) or ""
    return {**redact(facts.resource), **told, semconv.SYNC_TO: synced}


def _total(columns: Columns) -> Number:
    total: Number = running(0, columns.points.value)[-1:].tolist()[0]
    return total


def _last_point(db: sqlite3.Connection, position: int) -> int:
    """The greatest number of a point or histogram up to `position`; 0 where there is none."""
    loose = (
        db.execute(f"SELECT coalesce(max(seq), 0) FROM {table} WHERE seq <= ?", (position,))
        for table in ("point", "histogram")
    )
    last = max(int(found.fetchone()[0]) for found in loose)
    query = "SELECT coalesce(max(last_seq), 0) FROM chunk"
    (folded,) = db.execute(query).fetchone()
    if folded > position:
        found = numbered.points(db, last + 1, position).values()
        folded = max((int(np.max(columns.seq)) for columns in found), default=0)
    return max(last, int(folded))

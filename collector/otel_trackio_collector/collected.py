"""A run file that the collector fills: one for each run, rank and process that recorded it."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from weakref import WeakSet

import numpy as np

from otel_trackio import database, layout, numbering, version
from otel_trackio.chunk import column_of
from otel_trackio.errors import StoreBusy, StoreError
from otel_trackio.lease import Lease
from otel_trackio.model import Columns, Event, Histogram, Points, Record, Series
from otel_trackio.redact import redact
from otel_trackio.runfile import MEANT, ORIGIN, OTLP, REPLICA, RunFile
from otel_trackio.storedrun import StoredRun
from otel_trackio_collector.held import Held
from otel_trackio_collector.measurement import (
    MORE,
    REQUEST,
    START,
    STEP,
    TIME,
    VALUE,
    Resource,
    Row,
    Stream,
)
from otel_trackio_collector.runs import Sender

COLLECTOR: Final = "collector"
"""The part of a writer that collects what others measure."""

PREFIX: Final = "otlp-"
"""How the ids of such writers begin."""

CACHE_KIB: Final = 64
"""What a file may keep of itself in memory: a hundred are open, and little is read again."""

START_RECORD: Final = "otlp.start"
"""Kind of the records that say when a running total began, wherever that is not as before."""

POINT_RECORD: Final = "otlp.point"
"""Kind of the records that hold what of a point no column holds: exemplars and flags."""

MAX_SERIES: Final = 100_000
"""Series of one file; points of any more are counted, not stored."""

MAX_TOLD: Final = 1_000
"""Resources, as they change, that one file tells; later changes are not told."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of rows: new ones, such as were held already, and, by their request, those of
    series beyond the limit."""

    new: int
    held: int
    beyond: Counter[int]


@dataclass(frozen=True, slots=True, eq=False)
class _Fresh:
    """The rows of a series that are new."""

    series: Series
    id: int
    rows: list[Row]


class Collected:
    """Not thread-safe. After an error from `take` or `end` it is to be closed, and opened again."""

    def __init__(self, path: Path, max_series: int = MAX_SERIES) -> None:
        """Opens an existing file. Raises StoreError."""
        self.path = path
        self._file = RunFile.open(path)
        try:
            self._file.connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            self._held = Held(self._file)
            self._starts = _starts(self._file)
            self._told = set(_told(self._file))
            self.state = _state(self._file.connection)
        except BaseException:
            self._file.close()
            raise
        self._max_series = max_series
        self._seen: WeakSet[Resource] = WeakSet()
        self.ours = ORIGIN in self._file.all_meta()
        self.heard = int(self._file.meta("heartbeat_ns", 0))

    @classmethod
    def create(
        cls, path: Path, sender: Sender, began: int, max_series: int = MAX_SERIES, meant: str = ""
    ) -> Collected:
        """Makes the file; `began` (ns) is the earliest that it will hold, and `meant` the remote
        that it is synced to, unless its origin sees to that. Raises StoreError."""
        attempt, lamport = _before(path.parent, sender)
        meta: dict[str, Any] = {
            "run_id": sender.run_id,
            "writer": path.stem,
            "part": COLLECTOR,
            "attempt": sender.attempt or attempt + 1,
            "rank": sender.rank,
            "world_size": sender.world_size,
            "local_rank": 0,
            "lamport": lamport,
            "created_ns": began,
            "heartbeat_ns": began,
            "host": sender.host,
            # No machine's boot: whether the sender lives, only its last sign of life can tell.
            "boot_id": "",
            "pid": sender.pid,
            "library": f"otel-trackio {version.__version__}",
        }
        if sender.writer:
            meta[ORIGIN] = sender.writer
        if sender.synced:
            meta[REPLICA] = f"{OTLP}{sender.writer}"
        else:
            meta[MEANT] = meant
        RunFile.create(path, meta).close()
        return cls(path, max_series)

    def take(self, streams: Sequence[Stream], log: str, last: int, received: int) -> Stored:
        """Stores what is new in `streams`, all of one sender, and that all requests up to `last`
        of that log are stored now, in one transaction that survives a power loss.

        Raises StoreBusy where another process is at the file, else what SQLite raises.
        """
        cursor = OTLP + log  # The last of its requests that the file holds.
        with self._changing(durable=True):
            done = self._file.cursor(cursor)
            self._held.begin()
            fresh, beyond = self._fresh(_by_series(streams, done))
            if not self._told:
                self._begin(streams[0].resource.sender)
            self._tell(streams, received, any(each.rows for each in fresh))
            self._store([each for each in fresh if each.rows])
            self._held.store()
            self._file.set_cursor(cursor, max(done, last))
            self.heard = max(self.heard, received)
            self._sign()
        new = sum(len(each.rows) for each in fresh)
        held = sum(len(stream.rows) for stream in streams) - new - beyond.total()
        return Stored(new, held, beyond)

    def beat(self, now: int) -> None:
        """Says that the sender is taken to be alive."""
        with self._changing():
            self._file.set_meta("heartbeat_ns", now)

    def end(self) -> None:
        """Says that nothing came for long: a process of ours would have told its end, so it has
        crashed; of any other nobody knows better than that it has finished."""
        state = "crashed" if self.ours else "finished"
        with self._changing():
            self._add_event("state", {"state": state}, self.heard)
            self.state = state
            self._sign()

    def fold(self) -> None:
        """Folds what gains by it."""
        lease = self._leased()
        try:
            self._file.fold_all()
        finally:
            lease.remove()
            lease.release()

    def close(self) -> None:
        self._file.close()

    def _sign(self) -> None:
        """The last sign of life: of a run that has ended it is its newest point, as that may have
        been long before anything came from it."""
        last = self.heard if self.state == "running" else _last_time(self._file.connection)
        self._file.set_meta("heartbeat_ns", last or self._file.meta("created_ns"))

    @contextmanager
    def _changing(self, durable: bool = False) -> Iterator[None]:
        lease = self._leased()
        try:
            with self._file.transaction(durable):
                yield
        finally:
            lease.remove()
            lease.release()

    def _leased(self) -> Lease:
        # Held for a moment only, so that whoever syncs may have the file between requests.
        lease = Lease.take(layout.lock_file(self.path))
        if lease is None:
            raise StoreBusy(f"{self.path} is in use by a live process", "try again soon")
        return lease

    def _begin(self, sender: Sender) -> None:
        began, attempt = self._file.meta("created_ns"), self._file.meta("attempt")
        self._add_event("run", {**sender.about, "created": began}, began)
        state = {"state": "running", "attempt": attempt, "rank": sender.rank}
        self._add_event("state", state, began)
        self._told.add(_spelled("run", sender.about))

    def _tell(self, streams: Sequence[Stream], now: int, news: bool) -> None:
        """What the resources say of the run, where that is new."""
        said = dict.fromkeys(stream.resource for stream in streams)
        for resource in said:
            if resource not in self._seen:
                self._seen.add(resource)
                self._add_event("resource", redact(resource.attributes), now)
                self._add_event("run", resource.sender.about, now)
        states = [each.sender.state for each in said if each.sender.state]
        state = states[-1] if states else "running"
        if state != self.state and (news or states):
            self._add_event("state", {"state": state}, now)
            self.state = state

    def _add_event(self, kind: str, data: dict[str, Any], now: int) -> None:
        told = _spelled(kind, data)
        if kind == "state" or (told not in self._told and len(self._told) < MAX_TOLD):
            # With a negative Lamport number it gives way: whoever renames the run is heard.
            event = Event(kind, now, data, lamport=-1)
            self._file.add_event(self._file.take_numbers(1), event)
            self._told.add(told)

    def _fresh(self, rows: Mapping[Series, list[Row]]) -> tuple[list[_Fresh], Counter[int]]:
        """What is new, and how much of each request is of series beyond the limit."""
        fresh, beyond = [], Counter[int]()
        for series, each in rows.items():
            if not self._file.has_room(series, self._max_series):
                beyond.update(row[REQUEST] for row in each)
                continue
            # One that never had a value is no series: nobody could show it.
            shown = self._file.has_room(series, 0) or any(row[VALUE] is not None for row in each)
            known = self._file.series_id(series) if shown else _NO_SERIES
            fresh.append(_Fresh(series, known, self._held.fresh(known, each, self.ours)))
        return fresh, beyond

    def _store(self, fresh: Sequence[_Fresh]) -> None:
        points = [
            (each.id, _points(rows))
            for each in fresh
            if each.series.kind != "histogram" and (rows := _with_values(each.rows))
        ]
        _, places = numbering.places(_NONE, [each.time for _, each in points])
        first = self._file.take_numbers(sum(map(len, places)))
        self._file.append(
            [
                Columns(series, first + place, each)
                for (series, each), place in zip(points, places, strict=True)
            ]
        )
        self._store_histograms([each for each in fresh if each.series.kind == "histogram"])
        self._store_records([record for each in fresh for record in self._records(each)])

    def _store_histograms(self, fresh: Sequence[_Fresh]) -> None:
        rows = [(each.id, row) for each in fresh for row in _with_values(each.rows)]
        number = self._file.take_numbers(len(rows)) if rows else 0
        for series, row in rows:
            value: Any = row[VALUE]
            self._file.add_histogram(
                number, series, Histogram(row[STEP], row[TIME], row[START], value)
            )
            number += 1

    def _store_records(self, records: Sequence[Record]) -> None:
        number = self._file.take_numbers(len(records)) if records else 0
        for record in records:
            self._file.add_record(number, record)
            number += 1

    def _records(self, fresh: _Fresh) -> Iterator[Record]:
        """What of the rows of a series no column holds."""
        totals = fresh.series.temporality == "cumulative" and fresh.series.kind != "histogram"
        for row in fresh.rows:
            if row[MORE]:
                record = _record(POINT_RECORD, fresh.series, row, row[MORE])
                if row[VALUE] is not None or not _has(self._file, record):
                    yield record
            if totals and row[START] and row[START] != self._starts.get(_name(fresh.series)):
                self._starts[_name(fresh.series)] = row[START]
                yield _record(START_RECORD, fresh.series, row, {"start": row[START]})


_NONE: Final = np.zeros(0, np.int64)
_NO_SERIES: Final = 0


def _by_series(streams: Sequence[Stream], done: int) -> dict[Series, list[Row]]:
    """The rows of requests after `done`; several resources may have the same series."""
    found: dict[Series, list[Row]] = {}
    for stream in streams:
        rows = stream.rows
        if rows[0][REQUEST] <= done:
            rows = [row for row in rows if row[REQUEST] > done]
        if rows:
            known = found.get(stream.series)
            found[stream.series] = rows if known is None else known + rows
    return found


def _with_values(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row[VALUE] is not None]


def _points(rows: list[Row]) -> Points:
    time, _, value, step, *_ = zip(*rows, strict=True)
    values: Any = value
    return Points(np.array(step, np.int64), np.array(time, np.int64), column_of(values))


def _record(kind: str, series: Series, row: Row, data: Mapping[str, Any]) -> Record:
    name = {"attributes": json.loads(series.attributes), "scope": series.scope}
    return Record(kind, series.key, row[STEP], row[TIME], {**name, **data})


def _has(file: RunFile, record: Record) -> bool:
    query = "SELECT 1 FROM record WHERE kind = ? AND key = ? AND time_ns = ? AND data = ?"
    row = (record.kind, record.key, record.time, json.dumps(record.data))
    return file.connection.execute(query, row).fetchone() is not None


def _name(series: Series) -> tuple[str, str, str]:
    return series.key, series.attributes, series.scope


def _starts(file: RunFile) -> dict[tuple[str, str, str], int]:
    """When the running totals of each series began that came last."""
    query = "SELECT key, data FROM record WHERE kind = ? ORDER BY seq"
    found = {}
    for key, text in file.connection.execute(query, (START_RECORD,)):
        data = json.loads(text)
        name = key, json.dumps(data["attributes"], sort_keys=True), data["scope"]
        found[name] = data["start"]
    return found


def _told(file: RunFile) -> Iterator[str]:
    """What its events have said."""
    query = "SELECT kind, data FROM event WHERE kind IN ('run', 'resource')"
    for kind, text in file.connection.execute(query):
        data = json.loads(text)
        data.pop("created", None)
        yield _spelled(kind, data)


def _spelled(kind: str, data: Mapping[str, Any]) -> str:
    return f"{kind} {json.dumps(data, sort_keys=True)}"


def _state(db: sqlite3.Connection) -> str:
    query = "SELECT data FROM event WHERE kind = 'state' ORDER BY seq DESC LIMIT 1"
    row = db.execute(query).fetchone()
    return str(json.loads(row[0])["state"]) if row else "running"


def is_running(path: Path, log: str) -> bool:
    """Whether a file that can be read holds requests of that log, and its run has not ended."""
    try:
        with closing(database.open_reading(path)) as db:
            ours = "SELECT 1 FROM cursor WHERE name = ?"
            if db.execute(ours, (OTLP + log,)).fetchone() is None:
                return False
            return _state(db) == "running"
    except (*database.DAMAGE, StoreError):
        return False


def _last_time(db: sqlite3.Connection) -> int:
    """When the newest of its points was measured, in ns; 0 where it has none."""
    [(last,)] = db.execute(
        "SELECT max(time) FROM (SELECT max(max_time_ns) AS time FROM chunk"
        " UNION ALL SELECT max(time_ns) FROM point UNION ALL SELECT max(time_ns) FROM histogram)"
    )
    return int(last or 0)


def _before(folder: Path, sender: Sender) -> tuple[int, int]:
    """The attempts of this rank, and the last Lamport number, of the run's other files."""
    if not layout.run_files(folder):
        return 0, 0
    try:
        with StoredRun(folder) as run:
            standing = run.standing()
    except StoreError:
        return 0, 0
    return standing.attempts.get(sender.rank, 0), standing.lamport

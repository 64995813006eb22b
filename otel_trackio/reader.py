"""Reading somebody's run file, live or finished, without disturbing its writer."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from otel_trackio import chunk, database, journal, layout, lease, pointlog, rollup
from otel_trackio.decoded import Decoded
from otel_trackio.errors import StoreError
from otel_trackio.fold import end_to_end, joined
from otel_trackio.frames import HEADER_BYTES, Layout, Scan, step_or_none
from otel_trackio.intake import Intake
from otel_trackio.model import (
    NO_STEP,
    Columns,
    Event,
    Histogram,
    Ints,
    Points,
    Record,
    Series,
    Values,
)
from otel_trackio.rollup import Buckets
from otel_trackio.runfile import SERIES_COLUMNS

FIRST_WINDOW: Final = 1 << 16
"""Bytes of a journal that are read first; most drains leave less."""


MAX_TRIES: Final = 20
"""How often a reader begins again because the writer stored something meanwhile."""

_META: Final = {
    **dict.fromkeys(("run_id", "writer", "part", "host"), str),
    **dict.fromkeys(("attempt", "rank", "created_ns", "next_seq", "lamport"), int),
    **dict.fromkeys(("journal_position", "journal_number"), int),
}
"""What every run file says of itself, and in which type."""

P = ParamSpec("P")
T = TypeVar("T")


def _naming_the_file(
    method: Callable[Concatenate[RunFileReader, P], T],
) -> Callable[Concatenate[RunFileReader, P], T]:
    """Damage can show itself anywhere: whatever fails, the error says which file it is."""

    @wraps(method)
    def reading(self: RunFileReader, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except (sqlite3.Error, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise database.damaged(self.path, error) from error
        except StoreError as error:
            if str(self.path) in error.message:
                raise
            raise database.damaged(self.path, error) from error

    return reading


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk of a series, its points not read yet. Steps are None where it has none."""

    series: int
    id: int
    count: int
    axis: int
    min_step: int | None
    max_step: int | None
    min_time: int
    max_time: int


class RunFileReader:
    """One writer's run file, opened read-only. Not thread-safe.

    Everything is read inside `snapshot()`, which shows one moment: what is stored, and over it
    what the journal holds that is not stored yet.
    """

    def __init__(self, path: Path) -> None:
        """Raises StoreError or NewerFormat where the file cannot be read."""
        self.path = path
        self._db = database.open_reading(path)
        self._kept_before = _Kept(0)
        self._walked: Scan | None = None
        self._file_id = _file_id(path)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Every call inside the block sees the moment at which it began."""
        for seen_before in ("_stored", "_kept", "_log", "_tail"):
            self.__dict__.pop(seen_before, None)
        try:
            self._walked = self._begin()
            yield
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    @_naming_the_file
    def _begin(self) -> Scan | None:
        """Begins to read the file, and walks the journal as it is at that moment."""
        for _ in range(MAX_TRIES):
            before = self.meta()
            walked = scan_journal(self.path, before)
            self._db.execute("BEGIN")
            if self.meta()["journal_position"] == before["journal_position"]:
                return walked
            self._db.execute("ROLLBACK")  # Meanwhile the writer has stored what we walked over.
        self._db.execute("BEGIN")
        return scan_journal(self.path, self.meta())

    def close(self) -> None:
        self._db.close()

    @property
    def replaced(self) -> bool:
        """Whether another file has that name now."""
        return _file_id(self.path) != self._file_id

    @property
    def live(self) -> bool:
        """Whether the process that writes this file is alive, on this machine."""
        return lease.is_held(layout.lock_file(self.path))

    @_naming_the_file
    def meta(self) -> dict[str, Any]:
        meta = dict(self._db.execute("SELECT key, value FROM meta"))
        for key, kind in _META.items():
            if not isinstance(meta[key], kind):
                raise TypeError(f"{key} is {meta[key]!r}")
        return meta

    @_naming_the_file
    def events(self) -> list[Event]:
        writer = self.meta()["writer"]
        rows = self._db.execute("SELECT kind, time_ns, data, lamport, seq FROM event ORDER BY seq")
        stored = [
            Event(kind, time, json.loads(data), lamport, writer, seq)
            for kind, time, data, lamport, seq in rows
        ]
        return stored + self._tail.events(writer, self.meta()["lamport"])

    @_naming_the_file
    def records(self) -> list[Record]:
        rows = self._db.execute("SELECT kind, key, step, time_ns, data FROM record ORDER BY seq")
        stored = [
            Record(kind, key, NO_STEP if step is None else step, time, json.loads(data))
            for kind, key, step, time, data in rows
        ]
        return stored + self._tail.records

    @_naming_the_file
    def series(self) -> dict[int, Series]:
        return {**self._stored, **self._tail.new_series()}

    @_naming_the_file
    def histograms(self, series: int) -> list[Histogram]:
        query = (
            "SELECT coalesce(step, ?), time_ns, start_ns, data FROM histogram"
            " WHERE series = ? ORDER BY seq"
        )
        rows = self._db.execute(query, (NO_STEP, series))
        stored = [Histogram(step, time, start, json.loads(d)) for step, time, start, d in rows]
        return stored + [each for key, each in self._tail.histograms if key == series]

    @_naming_the_file
    def columns(self, series: int) -> Columns | None:
        """All points of a series, in the order they were recorded."""
        parts = [self.chunk(each) for each in self.chunks(series)]
        unfolded = self.unfolded(series)
        parts += [unfolded] if unfolded is not None else []
        return joined(parts) if parts else None

    @_naming_the_file
    def points(self, series: int) -> Points | None:
        """As `columns`, but without the numbers, which take time to decode."""
        parts = [self.chunk_points(each) for each in self.chunks(series)]
        unfolded = self.unfolded(series)
        parts += [unfolded.points] if unfolded is not None else []
        return end_to_end(parts) if parts else None

    @_naming_the_file
    def chunks(self, series: int) -> list[Chunk]:
        """The chunks of a series, in the order they were recorded."""
        query = (
            "SELECT id, count, axis, min_step, max_step, min_time_ns, max_time_ns"
            " FROM chunk WHERE series = ? ORDER BY first_seq"
        )
        return [Chunk(series, *row) for row in self._db.execute(query, (series,))]

    @_naming_the_file
    def chunk(self, found: Chunk) -> Columns:
        """The points of a chunk."""
        query = "SELECT seqs FROM chunk WHERE id = ?"
        (seqs,) = self._db.execute(query, (found.id,)).fetchone()
        numbers = chunk.decode_ints(seqs, found.count)
        return Columns(found.series, numbers, self.chunk_points(found))

    @_naming_the_file
    def chunk_points(self, found: Chunk) -> Points:
        """The points of a chunk, without their numbers."""

        def value() -> Values:
            query = "SELECT form, vals FROM chunk WHERE id = ?"
            form, vals = self._db.execute(query, (found.id,)).fetchone()
            return chunk.decode_values(form, vals, found.count)

        return Points(*self._axis(found), self._kept.decoded.get(("chunk", found.id), value, len))

    @_naming_the_file
    def unfolded(self, series: int) -> Columns | None:
        """The points of a series that are in no chunk: those in the log and in the journal."""
        parts = [source[series] for source in (self._log, self._tail.columns) if series in source]
        return joined(parts) if parts else None

    @_naming_the_file
    def rollup(self, found: Chunk, axis: str, width: int) -> Buckets | None:
        """The widest stored buckets of a chunk that are no wider than `width`, if there are any.

        Width 0 asks for the one bucket that holds the whole chunk.
        """

        def buckets() -> Buckets | None:
            query = (
                "SELECT data FROM rollup WHERE chunk = ? AND axis = ? AND width BETWEEN ? AND ?"
                " ORDER BY width DESC LIMIT 1"
            )
            row = self._db.execute(query, (found.id, axis, min(width, 1), width)).fetchone()
            return rollup.decode(row[0]) if row else None

        return self._kept.decoded.get(("rollup", found.id, axis, width), buckets, rollup.numbers)

    def _axis(self, found: Chunk) -> tuple[Ints, Ints]:
        """The steps and times of a chunk; keys that were logged together share them."""

        def axis() -> tuple[Ints, Ints]:
            query = "SELECT steps, times FROM axis WHERE id = ?"
            steps, times = self._db.execute(query, (found.axis,)).fetchone()
            return chunk.decode_ints(steps, found.count), chunk.decode_ints(times, found.count)

        size = 2 * found.count
        return self._kept.decoded.get(("axis", found.axis), axis, lambda _: size)

    @_naming_the_file
    def count(self) -> int:
        """How many points the file and its journal hold."""
        (chunked,) = self._db.execute("SELECT coalesce(sum(count), 0) FROM chunk").fetchone()
        loose = (*self._log.values(), *self._tail.columns.values())
        return int(chunked) + sum(map(len, loose))

    @_naming_the_file
    def histogram_count(self, series: int) -> int:
        query = "SELECT count(*) FROM histogram WHERE series = ?"
        (stored,) = self._db.execute(query, (series,)).fetchone()
        return int(stored) + sum(key == series for key, _ in self._tail.histograms)

    @_naming_the_file
    def last_step(self) -> int | None:
        """The greatest step that any point has."""
        (chunked,) = self._db.execute("SELECT max(max_step) FROM chunk").fetchone()
        loose = (*self._log.values(), *self._tail.columns.values())
        steps = [int(each.points.step.max()) for each in loose]
        found = max([*steps, NO_STEP if chunked is None else chunked], default=NO_STEP)
        return step_or_none(found)

    @_naming_the_file
    def last_time(self) -> int:
        """When the latest point was recorded, in ns; 0 where there is none."""
        (chunked,) = self._db.execute("SELECT max(max_time_ns) FROM chunk").fetchone()
        loose = (*self._log.values(), *self._tail.columns.values())
        return max([int(chunked or 0), *(int(each.points.time.max()) for each in loose)])

    @_naming_the_file
    def lamport(self) -> int:
        """The greatest Lamport number that any event has."""
        return max((event.lamport for event in self.events()), default=0)

    @property
    def torn(self) -> bool:
        """Whether the last record of the journal was begun and not finished."""
        return self._tail.torn

    @cached_property
    def _kept(self) -> _Kept:
        (folded,) = self._db.execute("SELECT coalesce(sum(count), 0) FROM chunk").fetchone()
        if folded != self._kept_before.folded:
            self._kept_before = _Kept(folded)
        return self._kept_before

    @cached_property
    def _log(self) -> dict[int, Columns]:
        kept = self._kept
        for series, fresh in pointlog.read(self._db, kept.last_seq).items():
            known = kept.log.get(series)
            kept.log[series] = fresh if known is None else joined([known, fresh])
            kept.last_seq = max(kept.last_seq, int(fresh.seq[-1]))
        return kept.log

    @cached_property
    def _stored(self) -> dict[int, Series]:
        rows = self._db.execute(f"SELECT id, {SERIES_COLUMNS} FROM series")
        return {key: Series(*row) for key, *row in rows}

    @cached_property
    def _tail(self) -> _Tail:
        meta = self.meta()
        definitions = self._db.execute("SELECT definition FROM layout")
        layouts = (Layout.defined(definition) for (definition,) in definitions)
        tail = _Tail(
            {series: key for key, series in self._stored.items()},
            meta["next_seq"],
            {each.id: each for each in layouts},
        )
        scan = self._walked
        # What looks torn in a live journal is being written.
        tail.torn = scan is not None and scan.torn and not self.live
        if scan is not None and scan.number > meta["journal_number"]:
            again = Scan(scan.data, meta["journal_number"], verify=True)
            Intake(tail, meta["rank"]).store(again, (), meta.get("heartbeat_ns", 0))
        return tail


def _file_id(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def scan_journal(run_file: Path, meta: Mapping[str, Any]) -> Scan | None:
    """The frames that a journal holds and its run file does not, walked to their end.

    None without a journal. `meta` is the run file's.
    """
    window = FIRST_WINDOW
    while True:
        try:
            found = journal.read(
                layout.journal_file(run_file),
                meta.get("journal_size", 0),
                meta["journal_position"],
                window,
            )
        except OSError:
            return None
        scan = Scan(found.data, meta["journal_number"], verify=True)
        for _ in scan:
            pass
        if found.whole or (not scan.torn and scan.offset + HEADER_BYTES <= len(found.data)):
            scan.torn = scan.torn or found.cut
            return scan
        window *= 4


@dataclass(slots=True)
class _Kept:
    """What a reader need not read again until a fold moves points, and gives old ids to new rows.

    `folded` is how many points lie in chunks: every fold raises it. `log` holds the points of the
    log up to `last_seq`.
    """

    folded: int
    decoded: Decoded = field(default_factory=Decoded)
    log: dict[int, Columns] = field(default_factory=dict)
    last_seq: int = 0


class _Tail:
    """Keeps in memory what the journal holds and the run file does not yet; see intake.Target."""

    def __init__(self, known: dict[Series, int], next_seq: int, layouts: dict[int, Layout]) -> None:
        self._known = known
        self._new: dict[Series, int] = {}
        self._next_seq = next_seq
        self._layouts = layouts
        self._events: list[tuple[int, Event]] = []
        self.torn = False
        self.columns: dict[int, Columns] = {}
        self.records: list[Record] = []
        self.histograms: list[tuple[int, Histogram]] = []

    def layouts(self) -> dict[int, Layout]:
        return self._layouts

    def known_series(self) -> list[Series]:
        return list(self._known)

    def add_layout(self, layout: Layout) -> None:
        pass

    def take_numbers(self, amount: int) -> int:
        first = self._next_seq
        self._next_seq += amount
        return first

    def series_id(self, series: Series) -> int:
        known = self._known.get(series)
        return self._new.setdefault(series, -1 - len(self._new)) if known is None else known

    def append(self, columns: Sequence[Columns]) -> None:
        self.columns = {each.series: each for each in columns}

    def add_event(self, seq: int, event: Event) -> None:
        self._events.append((seq, event))

    def add_record(self, seq: int, record: Record) -> None:
        self.records.append(record)

    def add_histogram(self, seq: int, series: int, histogram: Histogram) -> None:
        self.histograms.append((series, histogram))

    def new_series(self) -> dict[int, Series]:
        return {key: series for series, key in self._new.items()}

    def events(self, writer: str, lamport: int) -> list[Event]:
        events = []
        for seq, each in self._events:
            if each.lamport == 0:
                lamport += 1
            number = lamport if each.lamport == 0 else max(each.lamport, 0)
            events.append(Event(each.kind, each.time, each.data, number, writer, seq))
        return events

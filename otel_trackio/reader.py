"""Reading somebody's run file, live or finished, without disturbing its writer."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from otel_trackio import chunk, database, journal, layout, lease, pointlog, rollup
from otel_trackio.fold import end_to_end, joined
from otel_trackio.frames import HEADER_BYTES, Layout, Scan, step_or_none
from otel_trackio.intake import Intake
from otel_trackio.model import NO_STEP, Columns, Event, Histogram, Ints, Points, Record, Series
from otel_trackio.rollup import Buckets
from otel_trackio.runfile import SERIES_COLUMNS

FIRST_WINDOW: Final = 1 << 16
"""Bytes of a journal that are read first; most drains leave less."""


MAX_AXES: Final = 64
"""Decoded axes that a reader keeps: keys that were logged together share one."""


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
        self._axes: dict[int, tuple[Ints, Ints]] = {}

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Every call inside the block sees the moment at which it began."""
        for seen_before in ("_stored", "_log", "_tail"):
            self.__dict__.pop(seen_before, None)
        try:
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._db.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise database.damaged(self.path, error) from error

    def close(self) -> None:
        self._db.close()

    @property
    def live(self) -> bool:
        """Whether the process that writes this file is alive, on this machine."""
        return lease.is_held(layout.lock_file(self.path))

    def meta(self) -> dict[str, Any]:
        return dict(self._db.execute("SELECT key, value FROM meta"))

    def events(self) -> list[Event]:
        writer = self.meta()["writer"]
        rows = self._db.execute("SELECT kind, time_ns, data, lamport, seq FROM event ORDER BY seq")
        stored = [
            Event(kind, time, json.loads(data), lamport, writer, seq)
            for kind, time, data, lamport, seq in rows
        ]
        return stored + self._tail.events(writer, self.meta()["lamport"])

    def records(self) -> list[Record]:
        rows = self._db.execute("SELECT kind, key, step, time_ns, data FROM record ORDER BY seq")
        stored = [
            Record(kind, key, NO_STEP if step is None else step, time, json.loads(data))
            for kind, key, step, time, data in rows
        ]
        return stored + self._tail.records

    def series(self) -> dict[int, Series]:
        return {**self._stored, **self._tail.new_series()}

    def histograms(self, series: int) -> list[Histogram]:
        query = (
            "SELECT coalesce(step, ?), time_ns, start_ns, data FROM histogram"
            " WHERE series = ? ORDER BY seq"
        )
        rows = self._db.execute(query, (NO_STEP, series))
        stored = [Histogram(step, time, start, json.loads(d)) for step, time, start, d in rows]
        return stored + [each for key, each in self._tail.histograms if key == series]

    def columns(self, series: int) -> Columns | None:
        """All points of a series, in the order they were recorded."""
        parts = [self.chunk(each) for each in self.chunks(series)]
        unfolded = self.unfolded(series)
        parts += [unfolded] if unfolded is not None else []
        return joined(parts) if parts else None

    def points(self, series: int) -> Points | None:
        """As `columns`, but without the numbers, which take time to decode."""
        parts = [self.chunk_points(each) for each in self.chunks(series)]
        unfolded = self.unfolded(series)
        parts += [unfolded.points] if unfolded is not None else []
        return end_to_end(parts) if parts else None

    def chunks(self, series: int) -> list[Chunk]:
        """The chunks of a series, in the order they were recorded."""
        query = (
            "SELECT id, count, axis, min_step, max_step, min_time_ns, max_time_ns"
            " FROM chunk WHERE series = ? ORDER BY first_seq"
        )
        return [Chunk(series, *row) for row in self._db.execute(query, (series,))]

    def chunk(self, found: Chunk) -> Columns:
        """The points of a chunk."""
        query = "SELECT seqs FROM chunk WHERE id = ?"
        (seqs,) = self._db.execute(query, (found.id,)).fetchone()
        numbers = chunk.decode_ints(seqs, found.count)
        return Columns(found.series, numbers, self.chunk_points(found))

    def chunk_points(self, found: Chunk) -> Points:
        """The points of a chunk, without their numbers."""
        query = "SELECT form, vals FROM chunk WHERE id = ?"
        form, vals = self._db.execute(query, (found.id,)).fetchone()
        steps, times = self._axis(found.axis, found.count)
        return Points(steps, times, chunk.decode_values(form, vals, found.count))

    def unfolded(self, series: int) -> Columns | None:
        """The points of a series that are in no chunk: those in the log and in the journal."""
        parts = [source[series] for source in (self._log, self._tail.columns) if series in source]
        return joined(parts) if parts else None

    def rollup(self, found: Chunk, axis: str, width: int) -> Buckets | None:
        """The widest stored buckets of a chunk that are no wider than `width`, if there are any.

        Width 0 asks for the one bucket that holds the whole chunk.
        """
        query = (
            "SELECT data FROM rollup WHERE chunk = ? AND axis = ? AND width BETWEEN ? AND ?"
            " ORDER BY width DESC LIMIT 1"
        )
        row = self._db.execute(query, (found.id, axis, min(width, 1), width)).fetchone()
        return rollup.decode(row[0]) if row else None

    def _axis(self, axis: int, count: int) -> tuple[Ints, Ints]:
        if axis not in self._axes:
            query = "SELECT steps, times FROM axis WHERE id = ?"
            steps, times = self._db.execute(query, (axis,)).fetchone()
            while len(self._axes) >= MAX_AXES:
                del self._axes[next(iter(self._axes))]
            self._axes[axis] = (chunk.decode_ints(steps, count), chunk.decode_ints(times, count))
        return self._axes[axis]

    def count(self) -> int:
        """How many points the file and its journal hold."""
        (chunked,) = self._db.execute("SELECT coalesce(sum(count), 0) FROM chunk").fetchone()
        loose = (*self._log.values(), *self._tail.columns.values())
        return int(chunked) + sum(map(len, loose))

    def histogram_count(self, series: int) -> int:
        query = "SELECT count(*) FROM histogram WHERE series = ?"
        (stored,) = self._db.execute(query, (series,)).fetchone()
        return int(stored) + sum(key == series for key, _ in self._tail.histograms)

    def last_step(self) -> int | None:
        """The greatest step that any point has."""
        (chunked,) = self._db.execute("SELECT max(max_step) FROM chunk").fetchone()
        loose = (*self._log.values(), *self._tail.columns.values())
        steps = [int(each.points.step.max()) for each in loose]
        found = max([*steps, NO_STEP if chunked is None else chunked], default=NO_STEP)
        return step_or_none(found)

    def last_time(self) -> int:
        """When the latest point was recorded, in ns; 0 where there is none."""
        (chunked,) = self._db.execute("SELECT max(max_time_ns) FROM chunk").fetchone()
        loose = (*self._log.values(), *self._tail.columns.values())
        return max([int(chunked or 0), *(int(each.points.time.max()) for each in loose)])

    def lamport(self) -> int:
        """The greatest Lamport number that any event has."""
        return max((event.lamport for event in self.events()), default=0)

    @property
    def torn(self) -> bool:
        """Whether the last record of the journal was begun and not finished."""
        return self._tail.torn

    @cached_property
    def _log(self) -> dict[int, Columns]:
        return pointlog.read(self._db)

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
        scan = scan_journal(self.path, meta["journal_position"], meta["journal_number"])
        tail.torn = scan is not None and scan.torn
        if scan is not None and scan.number > meta["journal_number"]:
            again = Scan(scan.data, meta["journal_number"], verify=True)
            Intake(tail, meta["rank"]).store(again, (), meta.get("heartbeat_ns", 0))
        return tail


def scan_journal(run_file: Path, position: int, number: int) -> Scan | None:
    """The frames that a journal holds from `position` on, walked to their end; None without one."""
    window = FIRST_WINDOW
    while True:
        try:
            data, whole = journal.read(layout.journal_file(run_file), position, window)
        except OSError:
            return None
        scan = Scan(data, number, verify=True)
        for _ in scan:
            pass
        if whole or (not scan.torn and scan.offset + HEADER_BYTES <= len(data)):
            return scan
        window *= 4


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

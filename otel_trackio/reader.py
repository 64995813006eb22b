"""Reading somebody's run file, live or finished, without disturbing its writer."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from otel_trackio import chunk, database, histogramlog, layout, lease, pointlog, rollup
from otel_trackio.decoded import Decoded
from otel_trackio.errors import StoreError
from otel_trackio.fold import end_to_end, joined
from otel_trackio.frames import Layout, Scan, step_or_none
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
from otel_trackio.tail import Growth, Tail, scan_journal

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
    def reading(self: RunFileReader, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except database.DAMAGE as error:
            raise database.damaged(self.path, error) from error
        except StoreError as error:
            if str(self.path) in error.message:
                raise
            raise database.damaged(self.path, error) from error

    return reading


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk of a series, its points not read yet. Steps are None where it has none.

    `base` is a counter's total before the chunk; None for all that is no counter.
    """

    series: int
    id: int
    count: int
    axis: int
    min_step: int | None
    max_step: int | None
    min_time: int
    max_time: int
    base: float | int | None


class RunFileReader:
    """One writer's run file, opened read-only. Not thread-safe.

    Everything is read inside `snapshot()`, which shows one moment: what is stored, and over it
    what the journal holds that is not stored yet.
    """

    def __init__(self, path: Path) -> None:
        """Raises StoreError or NewerFormat where the file cannot be read."""
        self.path = path
        self._db = database.open_reading(path)
        # Whoever forgets to close a reader still leaves no connection open behind it.
        self._closing = weakref.finalize(self, self._db.close)
        self._kept_before = _Kept(0)
        self._decoded = Decoded()  # Chunks and axes never change, and their ids are never reused.
        self._walked: Scan | None = None
        self._file_id = _file_id(path)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Every call inside the block sees the moment at which it began."""
        for seen_before in ("_stored", "_kept", "_log", "_tail", "_events"):
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
        self._closing()

    @property
    def held(self) -> int:
        """How many decoded numbers are kept for later, of 8 bytes each."""
        return self._decoded.numbers

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
    def next_number(self) -> int:
        """One above the highest number of all that was recorded, stored or not."""
        return self._tail.next_seq

    @_naming_the_file
    def cursors(self) -> dict[str, int]:
        """How far each consumer of the file has come, by its name."""
        return dict(self._db.execute("SELECT name, position FROM cursor"))

    @_naming_the_file
    def events(self) -> list[Event]:
        return list(self._events)

    @cached_property
    def _events(self) -> list[Event]:
        writer = self.meta()["writer"]
        rows = self._db.execute("SELECT kind, time_ns, data, lamport, seq FROM event ORDER BY seq")
        stored = [
            Event(kind, time, json.loads(data), lamport, writer, seq)
            for kind, time, data, lamport, seq in rows
        ]
        return stored + self._tail.events(writer, self.meta()["lamport"])

    @_naming_the_file
    def records(
        self, kind: str, latest: int | None = None, time: int | None = None
    ) -> list[Record]:
        """All of a kind, or so many of the latest, or those of one time (ns)."""
        query = (
            "SELECT key, coalesce(step, ?), time_ns, data FROM record"
            " WHERE kind = ? AND time_ns = coalesce(?, time_ns) ORDER BY seq DESC LIMIT ?"
        )
        most = -1 if latest is None else latest
        stored = [
            Record(kind, key, step, when, json.loads(data))
            for key, step, when, data in self._db.execute(query, (NO_STEP, kind, time, most))
        ]
        tail = [e for e in self._tail.records if e.kind == kind and time in (None, e.time)]
        found = stored[::-1] + tail
        return found if latest is None else found[max(0, len(found) - latest) :]

    @_naming_the_file
    def series(self) -> dict[int, Series]:
        return {**self._stored, **self._tail.new_series()}

    @_naming_the_file
    def histograms(self, series: int, every: int = 1) -> list[Histogram]:
        """The aggregates of a series in the order recorded; of those stored, one in so many."""
        stored = histogramlog.read(self._db, series, every)
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
            "SELECT id, count, axis, min_step, max_step, min_time_ns, max_time_ns, base"
            " FROM chunk WHERE series = ? ORDER BY first_seq"
        )
        found = (Chunk(series, *row) for row in self._db.execute(query, (series,)))
        return [
            each if each.base is None else replace(each, base=pointlog.number(each.base))
            for each in found
        ]

    @_naming_the_file
    def chunk(self, found: Chunk) -> Columns:
        """The points of a chunk."""

        def numbers() -> Ints:
            query = "SELECT seqs FROM chunk WHERE id = ?"
            (seqs,) = self._db.execute(query, (found.id,)).fetchone()
            return chunk.decode_ints(seqs, found.count)

        seq = self._decoded.get(("seqs", found.id), numbers, len)
        return Columns(found.series, seq, self.chunk_points(found))

    @_naming_the_file
    def chunk_points(self, found: Chunk) -> Points:
        """The points of a chunk, without their numbers."""

        def value() -> Values:
            query = "SELECT form, vals FROM chunk WHERE id = ?"
            form, vals = self._db.execute(query, (found.id,)).fetchone()
            return chunk.decode_values(form, vals, found.count)

        return Points(*self._axis(found), self._decoded.get(("chunk", found.id), value, len))

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

        return self._decoded.get(("rollup", found.id, axis, width), buckets, rollup.numbers)

    def _axis(self, found: Chunk) -> tuple[Ints, Ints]:
        """The steps and times of a chunk; keys that were logged together share them."""

        def axis() -> tuple[Ints, Ints]:
            query = "SELECT steps, times FROM axis WHERE id = ?"
            steps, times = self._db.execute(query, (found.axis,)).fetchone()
            return chunk.decode_ints(steps, found.count), chunk.decode_ints(times, found.count)

        size = 2 * found.count
        return self._decoded.get(("axis", found.axis), axis, lambda _: size)

    @_naming_the_file
    def count(self) -> int:
        """How many points the file and its journal hold."""
        (chunked,) = self._db.execute("SELECT coalesce(sum(count), 0) FROM chunk").fetchone()
        loose = (*self._log.values(), *self._tail.columns.values())
        return int(chunked) + sum(map(len, loose))

    @_naming_the_file
    def histogram_count(self, series: int) -> int:
        stored = histogramlog.count(self._db, series)
        return stored + sum(key == series for key, _ in self._tail.histograms)

    @_naming_the_file
    def histogram_size(self, series: int) -> int:
        """How many characters the stored aggregates of a series take."""
        return histogramlog.size(self._db, series)

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

    @_naming_the_file
    def growth(self) -> Growth | None:
        """Tells later, without a snapshot, whether the journal has grown; None without one."""
        scan = self._walked
        return None if scan is None else Growth.after(scan, self.path, self.meta())

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
    def _tail(self) -> Tail:
        meta = self.meta()
        definitions = self._db.execute("SELECT definition FROM layout")
        layouts = (Layout.defined(definition) for (definition,) in definitions)
        tail = Tail(
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


@dataclass(slots=True)
class _Kept:
    """The log as a reader saw it last, good until a fold takes points away.

    `folded` is how many points lie in chunks: every fold raises it. `log` holds the points of the
    log up to `last_seq`.
    """

    folded: int
    log: dict[int, Columns] = field(default_factory=dict)
    last_seq: int = 0

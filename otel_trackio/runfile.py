"""A run file: all that one writer recorded, in SQLite. One process writes it, anybody reads it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import repeat
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from otel_trackio import database, fold, pointlog, schema
from otel_trackio.errors import StoreError
from otel_trackio.frames import Layout, step_or_none
from otel_trackio.model import Columns, Event, Histogram, Record, Series

FOLD_AT: Final = 16384
"""Unfolded points that trigger a fold."""

UNFOLDED_SHARE: Final = 4
"""How many times that many points of rarely logged series may wait unfolded."""

UNFOLDED_OF_SERIES: Final = 32
"""How many may wait a series where these are many: folding costs by series, not by point."""

MEANT: Final = "sync:to"
"""Key of `meta` in a file whose recorder named a remote: which, in its words, or empty."""

SENT_TO: Final = "sync:otlp"
"""Key of `meta` in a file whose recorder named an OTLP endpoint: its URL."""

REPLICA: Final = "replica"
"""Key of `meta` in a file that was pulled: the remote that it came from."""

ORIGIN: Final = "origin"
"""Key of `meta` in a file that a collector filled: the writer that recorded what it holds, if that
was one of ours."""

HELD: Final = "collector:held"
"""Key of `meta` in such a file: JSON, the ranges of the origin's numbers that it holds, both ends
included."""

OTLP: Final = "otlp:"
"""How REPLICA begins in such a file where its origin syncs it: what it came from is no remote."""

PAGE: Final = 4096
"""Bytes of a page of a run file."""

SERIES_COLUMNS: Final = (
    "key, kind, temporality, name, unit, description, attributes, scope, scope_version, rank"
)

_row_of = attrgetter(*SERIES_COLUMNS.split(", "))


class RunFile:
    """The writing end of a run file. Not thread-safe: its owner is one thread at a time.

    Every change happens inside `transaction()`; what fails leaves file and object as they were.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, fold_at: int = FOLD_AT) -> None:
        self.path = path
        self.connection = connection
        self._fold_at = fold_at
        self._series: dict[Series, int] = {}
        self._meta: dict[str, Any] = {}
        self._unfolded: Counter[int] = Counter()
        self._load()

    @classmethod
    def create(
        cls, path: Path, meta: Mapping[str, Any], fold_at: int = FOLD_AT, page_size: int = PAGE
    ) -> RunFile:
        """A new run file at `path`. Raises StoreError where it cannot be made."""
        try:
            with _appearing(path, page_size) as connection:
                connection.executescript(
                    f"BEGIN IMMEDIATE; {schema.TABLES}"
                    f"PRAGMA application_id = {schema.APPLICATION_ID};"
                    f"PRAGMA user_version = {schema.FORMAT_VERSION}; COMMIT"
                )
                made = cls(path, connection)
                with made.transaction():
                    defaults = dict.fromkeys(("lamport", "journal_position", "journal_number"), 0)
                    for key, value in {"next_seq": 1, **defaults, **meta}.items():
                        made.set_meta(key, value)
            return cls(path, database.open_writing(path), fold_at)
        except sqlite3.Error as error:
            raise StoreError(
                f"cannot create {path}: {error}", "free the disk or set OTEL_TRACKIO_DIR"
            ) from error

    @classmethod
    def open(cls, path: Path) -> RunFile:
        """An existing run file, to complete it. Raises StoreError or NewerFormat."""
        database.open_reading(path).close()  # A file that we do not know is not even touched.
        try:
            connection = database.open_writing(path)
            try:
                database.check_format(connection, path)
                return cls(path, connection)
            except BaseException:
                connection.close()
                raise
        except database.FAILURES as error:
            raise database.damaged(path, error) from error

    def _load(self) -> None:
        self._meta = dict(self.connection.execute("SELECT key, value FROM meta"))
        rows = self.connection.execute(f"SELECT id, {SERIES_COLUMNS} FROM series")
        self._series = {Series(*row): series_id for series_id, *row in rows}
        rows = self.connection.execute("SELECT series, count(*) FROM point GROUP BY series")
        self._unfolded = Counter(dict(rows))

    @contextmanager
    def transaction(self, durable: bool = False) -> Iterator[None]:
        """All or nothing; with `durable` it also survives a power loss (one fsync)."""
        db = self.connection
        if durable:
            db.execute("PRAGMA synchronous = FULL")
        try:
            db.execute("BEGIN IMMEDIATE")
            yield
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            self._load()
            raise
        finally:
            if durable:
                db.execute("PRAGMA synchronous = NORMAL")

    def meta(self, key: str, default: Any = None) -> Any:
        return self._meta.get(key, default)

    def set_meta(self, key: str, value: Any) -> None:
        self._meta[key] = value
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def all_meta(self) -> dict[str, Any]:
        return dict(self._meta)

    def cursor(self, name: str) -> int:
        """How far a consumer has come, by number; 0 where it has not begun."""
        query = "SELECT position FROM cursor WHERE name = ?"
        row = self.connection.execute(query, (name,)).fetchone()
        return int(row[0]) if row else 0

    def set_cursor(self, name: str, position: int) -> None:
        row = (name, position, time.time_ns())
        self.connection.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?, ?)", row)

    def stored_position(self) -> int:
        """How far into the journal the file reaches, whoever has written it since."""
        query = "SELECT value FROM meta WHERE key = 'journal_position'"
        return int(self.connection.execute(query).fetchone()[0])

    def take_numbers(self, amount: int) -> int:
        """The first of `amount` sequence numbers that nothing else of this writer ever has."""
        first: int = self._meta["next_seq"]
        self.set_meta("next_seq", first + amount)
        return first

    def series_id(self, series: Series) -> int:
        known = self._series.get(series)
        if known is None:
            marks = ", ".join(repeat("?", 10))
            cursor = self.connection.execute(
                f"INSERT INTO series ({SERIES_COLUMNS}) VALUES ({marks})", _row_of(series)
            )
            known = self._series[series] = int(cursor.lastrowid or 0)
        return known

    def has_room(self, series: Series, limit: int) -> bool:
        """Whether it has that series, or fewer than `limit`."""
        return series in self._series or len(self._series) < limit

    def append(self, columns: Sequence[Columns]) -> None:
        """Stores numbered points; folds once more than `fold_at` wait in series that have enough.

        The others, rarely logged or many, wait until they would not fit into the room for them.
        """
        for each in columns:
            self._unfolded[each.series] += len(each)
        room = max(UNFOLDED_SHARE * self._fold_at, UNFOLDED_OF_SERIES * len(self._series))
        if self._waiting(fold.LEAST_POINTS) > self._fold_at or (
            self._waiting(fold.WORTHWHILE_POINTS) > room
        ):
            left = fold.fold(self.connection, columns, fold.LEAST_POINTS, room)
            self._unfolded = Counter(left)
        else:
            pointlog.insert(self.connection, columns)

    def _waiting(self, least: int) -> int:
        """Unfolded points of the series that have `least` of them or more."""
        return sum(count for count in self._unfolded.values() if count >= least)

    def fold_all(self) -> None:
        """Folds all that gains by it, and returns the pages this frees to the file system."""
        with self.transaction():
            left = fold.fold(self.connection, (), fold.WORTHWHILE_POINTS, self._fold_at)
            self._unfolded = Counter(left)
        # `execute` would step it once, which frees a single page.
        self.connection.executescript("PRAGMA incremental_vacuum")

    def add_event(self, seq: int, event: Event) -> None:
        """Stores an event; it gets the next Lamport number, or 0 where its own is negative."""
        lamport = event.lamport
        if lamport == 0:
            lamport = self._meta["lamport"] + 1
            self.set_meta("lamport", lamport)
        self.connection.execute(
            "INSERT INTO event VALUES (?, ?, ?, ?, ?)",
            (seq, max(lamport, 0), event.time, event.kind, json.dumps(event.data)),
        )

    def add_record(self, seq: int, record: Record) -> None:
        self.connection.execute(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)",
            (
                seq,
                record.kind,
                record.key,
                step_or_none(record.step),
                record.time,
                json.dumps(record.data),
            ),
        )

    def add_histogram(self, seq: int, series: int, histogram: Histogram) -> None:
        self.connection.execute(
            "INSERT INTO histogram VALUES (?, ?, ?, ?, ?, ?)",
            (
                seq,
                series,
                step_or_none(histogram.step),
                histogram.time,
                histogram.start,
                json.dumps(histogram.data),
            ),
        )

    def known_series(self) -> list[Series]:
        return list(self._series)

    def series_ids(self) -> dict[Series, int]:
        return dict(self._series)

    def layouts(self) -> dict[int, Layout]:
        rows = self.connection.execute("SELECT definition FROM layout")
        defined = (Layout.defined(definition) for (definition,) in rows)
        return {layout.id: layout for layout in defined}

    def add_layout(self, layout: Layout) -> None:
        row = (layout.id, layout.definition().decode())
        self.connection.execute("INSERT OR REPLACE INTO layout VALUES (?, ?)", row)

    def copy_to(self, path: Path) -> RunFile:
        """A copy of everything, this file's name gone from its folder or not, open for writing."""
        with _appearing(path) as connection:
            self.connection.backup(connection)
        return RunFile(path, database.open_writing(path), self._fold_at)

    def close(self) -> None:
        """Lets the file go; as one file without a WAL beside it, where no reader is in the way."""
        with suppress(sqlite3.OperationalError):
            self.connection.execute("PRAGMA busy_timeout = 0")
            self.connection.execute("PRAGMA journal_mode = DELETE")
        self.connection.close()


@contextmanager
def _appearing(path: Path, page_size: int = PAGE) -> Iterator[sqlite3.Connection]:
    """A new database, which has its name only when the block has ended well: nobody sees less."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_suffix(".new")
    try:
        with closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
            connection.executescript(
                f"PRAGMA page_size = {page_size}; PRAGMA auto_vacuum = INCREMENTAL;"
                "PRAGMA journal_mode = MEMORY"
            )
            yield connection
        remove(path)  # A WAL that outlived its database would spoil this one.
        unfinished.rename(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def remove(path: Path) -> None:
    """Removes a run file, with what SQLite keeps beside it."""
    for suffix in (".db", ".db-wal", ".db-shm"):
        path.with_suffix(suffix).unlink(missing_ok=True)

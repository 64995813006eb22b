"""The SQLite file under the request log: numbered requests, and how far each exporter has come.

Every call runs on the thread of its connection, within the caller's transaction. Numbers have no
gaps and are never given twice, so that differences of running totals are exact.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cramjam

from otel_trackio.database import BUSY_SECONDS, FAILURES
from otel_trackio.errors import NewerFormat, StoreError

APPLICATION_ID: Final = 0x4F544C47
"""`OTLG` in the header of the file."""

FORMAT_VERSION: Final = 1

PAGE_BYTES: Final = 16_384
"""Bodies are long: large pages make short chains of them."""

PACKING: Final = 1
"""The level of zstd: what is stored is soon read and removed again."""

# Debian's SQLite overwrites what it deletes, which takes as much disk again, and as long.
_PRAGMAS: Final = f"""
PRAGMA page_size = {PAGE_BYTES};
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA secure_delete = OFF;
PRAGMA journal_size_limit = 16777216;
PRAGMA wal_autocheckpoint = 512;
"""

_TOTALS: Final = "number, received, points, bytes, points_to, bytes_to"

# `points_to` and `bytes_to` are totals up to and with the request, since the log was last empty.
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS log (id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS request (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  received INTEGER NOT NULL,
  points INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  points_to INTEGER NOT NULL,
  bytes_to INTEGER NOT NULL,
  length INTEGER NOT NULL,
  body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS cursor (
  name TEXT PRIMARY KEY,
  position INTEGER NOT NULL,
  dropped INTEGER NOT NULL,
  dropped_requests INTEGER NOT NULL,
  never_skipped INTEGER NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One request as it was received at `received` (ns): an ExportMetricsServiceRequest."""

    number: int
    received: int
    body: bytes
    points: int


@dataclass(frozen=True, slots=True)
class Span:
    """The requests after some number: how many, their points, bytes as stored, and the oldest."""

    requests: int = 0
    points: int = 0
    bytes: int = 0
    received: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """How far one exporter has come, and what the log's bounds took from it."""

    position: int
    dropped: int = 0
    dropped_requests: int = 0
    never_skipped: bool = False


class LogFile:
    """One connection to the file. Errors of SQLite pass through, but for those of opening."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> LogFile:
        """Opens the file to write, and makes it where there is none. Raises StoreError."""
        try:
            connection = _connect(path)
            try:
                _check(connection, path)
                connection.executescript(_PRAGMAS + _SCHEMA)
                connection.execute(
                    "INSERT INTO log SELECT ? WHERE NOT EXISTS (SELECT 1 FROM log)",
                    (uuid.uuid4().hex,),
                )
            except BaseException:
                connection.close()
                raise
        except FAILURES as error:
            raise StoreError(
                f"cannot open the request log {path}: {error}",
                "free the disk, or move the file away to start an empty one",
            ) from error
        return cls(connection)

    @classmethod
    def reading(cls, path: Path) -> LogFile:
        """Another connection to a file that is open."""
        connection = _connect(path)
        connection.execute("PRAGMA query_only = 1")
        return cls(connection)

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What happens in the block is on the disk when it ends, or did not happen at all."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def shrink(self) -> None:
        """Moves what waits in the WAL into the file, where room for that may be."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def id(self) -> str:
        [(id,)] = self._connection.execute("SELECT id FROM log")
        return str(id)

    def head(self) -> int:
        """The last number ever given."""
        found = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'request'")
        return next((int(number) for (number,) in found), 0)

    def first(self) -> int | None:
        """The oldest request that is held."""
        [(number,)] = self._connection.execute("SELECT MIN(number) FROM request")
        return number if number is None else int(number)

    def free(self) -> int:
        """Bytes inside the file that the next requests fill without making it larger."""
        [(pages,)] = self._connection.execute("PRAGMA freelist_count")
        return int(pages) * PAGE_BYTES

    # Requests

    def insert(self, received: int, points: int, length: int, packed: bytes) -> int:
        """Adds a request, whose body was `length` bytes long; returns its number."""
        last = self._connection.execute(
            "SELECT points_to, bytes_to FROM request ORDER BY number DESC LIMIT 1"
        ).fetchone()
        points_to, bytes_to = last or (0, 0)
        size = len(packed)
        row = (received, points, size, points_to + points, bytes_to + size, length, packed)
        added = self._connection.execute(
            "INSERT INTO request (received, points, bytes, points_to, bytes_to, length, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        assert added.lastrowid is not None
        return added.lastrowid

    def read(self, after: int, to: int, max_bytes: int) -> list[Entry]:
        """The requests after `after`, up to and with `to`, of so many bytes together.

        At least one, if there is any.
        """
        found, size = list[Entry](), 0
        rows = self._connection.execute(
            "SELECT number, received, points, length, body FROM request"
            " WHERE number > ? AND number <= ? ORDER BY number",
            (after, to),
        )
        try:
            for number, received, points, length, packed in rows:
                size += length
                if found and size > max_bytes:
                    break
                found.append(Entry(number, received, unpack(packed, length), points))
        finally:
            rows.close()
        return found

    def span(self, after: int, to: int | None = None) -> Span:
        """What is held of the requests after one number, up to and with another."""
        return Span(
            *self._connection.execute(
                "SELECT b.number - a.number + 1, b.points_to - a.points_to + a.points,"
                " b.bytes_to - a.bytes_to + a.bytes, a.received FROM"
                f" (SELECT {_TOTALS} FROM request WHERE number > ? ORDER BY number LIMIT 1) AS a,"
                f" (SELECT {_TOTALS} FROM request WHERE number <= ? ORDER BY number DESC LIMIT 1)"
                " AS b"
                " WHERE a.number <= b.number",
                (after, 2**62 if to is None else to),
            ).fetchone()
            or ()
        )

    def freeing(self, size: int) -> int:
        """The number up to which requests must go to free so many bytes."""
        found = self._connection.execute(
            "SELECT number FROM request WHERE bytes_to >= ?"
            " + (SELECT bytes_to - bytes FROM request ORDER BY number LIMIT 1)"
            " ORDER BY number LIMIT 1",
            (size,),
        ).fetchone()
        return int(found[0]) if found else self.head()

    def before(self, moment: int, after: int, most: int) -> int:
        """The last of those requests after `after` that all were received before `moment` (ns).

        `after` itself if there are none. It looks at `most`, so that it takes long at no time.
        """
        last = after
        rows = self._connection.execute(
            "SELECT number, received FROM request WHERE number > ? ORDER BY number LIMIT ?",
            (after, most),
        )
        for number, received in rows:
            if received >= moment:
                break
            last = number
        rows.close()
        return last

    def delete(self, to: int) -> None:
        """Removes the requests up to and with a number."""
        self._connection.execute("DELETE FROM request WHERE number <= ?", (to,))

    # Exporters

    def places(self) -> dict[str, Place]:
        rows = self._connection.execute(
            "SELECT name, position, dropped, dropped_requests, never_skipped FROM cursor"
        )
        return {
            name: Place(position, dropped, requests, bool(never))
            for name, position, dropped, requests, never in rows
        }

    def keep(self, name: str, place: Place) -> None:
        row = (place.position, place.dropped, place.dropped_requests, place.never_skipped)
        self._connection.execute("REPLACE INTO cursor VALUES (?, ?, ?, ?, ?)", (name, *row))

    def forget(self, name: str) -> None:
        self._connection.execute("DELETE FROM cursor WHERE name = ?", (name,))


def pack(body: bytes) -> bytes:
    return bytes(cramjam.zstd.compress(body, PACKING))


def unpack(packed: bytes, length: int) -> bytes:
    return bytes(cramjam.zstd.decompress(packed, length)) if length else b""


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS
    )


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Marks a file that is new; raises where it is something else, or of a later version."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and tables:
        raise StoreError(f"{path} is not a request log", "name another folder, or move it away")
    if version > FORMAT_VERSION:
        raise NewerFormat(
            f"cannot open {path}: format {version} is newer than this version reads"
            f" ({FORMAT_VERSION})",
            "pip install -U otel-trackio",
        )
    if application != APPLICATION_ID:
        connection.executescript(
            f"PRAGMA page_size = {PAGE_BYTES}; PRAGMA application_id = {APPLICATION_ID};"
            f"PRAGMA user_version = {FORMAT_VERSION};"
        )

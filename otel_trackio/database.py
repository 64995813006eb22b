"""Opening SQLite files: to write one's own, or to read somebody's without disturbing them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from otel_trackio import schema
from otel_trackio.errors import NewerFormat, StoreError

BUSY_SECONDS: Final = 10.0
"""How long SQLite waits for a lock; only checkpoints and readers ever hold one."""

FAILURES: Final = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises over a damaged file: its messages may quote bytes that are no text."""


DAMAGE: Final = (*FAILURES, ArithmeticError, LookupError, TypeError, ValueError)
"""What reading a damaged file raises, with what its content does to the code that meets it."""


def open_writing(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode: transactions are begun and ended by name."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS
    )
    try:
        connection.executescript(
            "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
            "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216;"
            "PRAGMA temp_store = MEMORY;"
        )
    except BaseException:
        connection.close()
        raise
    return connection


def open_reading(path: Path) -> sqlite3.Connection:
    """A read-only connection. Raises StoreError or NewerFormat where the file cannot be read."""
    try:
        connection = connect_reading(path)
        try:
            check_format(connection, path)
        except BaseException:
            connection.close()
            raise
    except FAILURES as error:
        raise damaged(path, error) from error
    return connection


def connect_reading(path: Path) -> sqlite3.Connection:
    """A read-only connection to anybody's file, in a folder that may be read-only, too."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS
    )
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except FAILURES as error:
        connection.close()
        if not isinstance(error, sqlite3.OperationalError):
            raise
        # A folder that cannot be written has no room for WAL's shared memory. Where there is no
        # WAL left to read, the file alone is the whole truth.
        wal = path.with_name(path.name + "-wal")
        if not path.exists() or (wal.exists() and wal.stat().st_size > 0):
            raise
        connection = sqlite3.connect(
            f"{uri}&immutable=1", uri=True, isolation_level=None, check_same_thread=False
        )
    return connection


def check_format(connection: sqlite3.Connection, path: Path) -> None:
    """Raises where `path` is not a run file that this version reads."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != schema.APPLICATION_ID:
        raise StoreError(f"{path} is not a run file", "remove it from the directory of runs")
    if version > schema.FORMAT_VERSION:
        raise NewerFormat(
            f"cannot open {path}: format {version} is newer than this version reads"
            f" ({schema.FORMAT_VERSION})",
            "pip install -U otel-trackio",
        )


def damaged(path: Path, error: Exception) -> StoreError:
    """What is wrong with a file that SQLite would not read or complete."""
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return StoreError(f"cannot complete {path}: {error}", "free the disk, then try again")
    return StoreError(
        f"cannot read {path}: {error}",
        f"keep a copy, then try: sqlite3 {path} .recover",
    )

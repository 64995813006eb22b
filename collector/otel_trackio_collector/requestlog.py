"""The request log: what was received, on disk before it is acknowledged, until all have sent it.

One thread writes: it takes whatever waits into one transaction, and resolves the futures once that
is on the disk. Each exporter reads by a cursor of its own, so none can hold up another. At its
bounds the log drops the oldest, only for the exporters that have not sent it, and charges each.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cramjam

from otel_trackio.diagnostics import Diagnostics
from otel_trackio.errors import StoreBusy, StoreError
from otel_trackio.lease import Lease
from otel_trackio_collector.logcursor import Cursor, Lag
from otel_trackio_collector.logfile import Entry, LogFile, Place, pack

__all__ = ["Cursor", "Entry", "Lag", "LogClosed", "LogError", "LogFull", "RequestLog"]

MAX_BYTES: Final = 1 << 30
"""Bytes of packed requests that a log holds, unless told otherwise."""

MAX_AGE: Final = 24 * 3600.0
"""Seconds that a request waits for an exporter, unless told otherwise."""

MAX_GROUP_BYTES: Final = 16 << 20
"""Bytes, unpacked, that one transaction takes, so that no sender waits for too many others."""

MAX_REMOVED: Final = 1_000
"""Requests that one transaction removes because all have sent them, or none will."""

TIDY_SECONDS: Final = 0.2
"""How long positions wait to be written where no request comes: nothing is lost by a wait."""

RETRY_SECONDS: Final = 1.0
"""How long the writer rests after a failure before it tries to write positions again."""

SPARE_BYTES: Final = 16 << 20
"""What is left free on the disk, or a twentieth of a smaller one, so that positions can move."""


SMALL_BYTES: Final = 1 << 16
"""What there must be room for, so that one can say that there is room."""


class LogError(Exception):
    """The request was not kept, and must not be acknowledged."""


class LogFull(LogError):
    """No room now, on the disk or within the bounds: the same may be kept later."""


class LogClosed(LogError):
    """The log takes nothing more."""


@dataclass(slots=True)
class _Pending:
    body: bytes
    points: int
    received: int
    done: Future[int]


class RequestLog:
    """The log at `path`, held by one process. Raises StoreError where it cannot be opened.

    `max_bytes` bounds what the requests take as stored, `max_age` (seconds) how long one waits.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, max_age: float = MAX_AGE) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.max_age = max_age
        self.lock = threading.RLock()
        """Guards what cursors and the log know of each other."""
        self._work = threading.Condition(self.lock)
        self._news = threading.Condition(self.lock)
        self._waiting: deque[_Pending] = deque()
        self._forgotten: set[str] = set()
        self._dropped_to = 0
        self._began = time.time_ns() - time.monotonic_ns()
        self._closing = self._more = self._failing = False
        self._connections = threading.local()
        self._diagnostics = Diagnostics()
        self._lease = _leased(path)
        try:
            self._file = LogFile.open(path)
        except StoreError:
            self._lease.release()
            raise
        self._open = [self._file]
        self.id = self._file.id()
        """Random, made with the file: (id, number) names a request for ever."""
        self._head = self._file.head()
        places = self._file.places()
        self._cursors = {name: Cursor(self, name, place) for name, place in places.items()}
        self._writer = threading.Thread(target=self._write, name="request-log", daemon=True)
        self._writer.start()

    def append(self, body: bytes, points: int) -> Future[int]:
        """Keeps a checked request; the future has its number once it is on the disk.

        It fails with LogFull, where the same may be kept later, or LogClosed. A request whose
        future is cancelled while it waits is not kept.
        """
        pending = _Pending(body, points, time.time_ns(), Future())
        with self.lock:
            if self._closing:
                pending.done.set_exception(LogClosed("the collector is stopping"))
            else:
                self._waiting.append(pending)
                self._work.notify()
        return pending.done

    def close(self) -> None:
        """Keeps what waits, writes all positions, and closes the file."""
        with self.lock:
            if self._closing:
                return
            self._closing = True
            self._work.notify_all()
            self._news.notify_all()
        self._writer.join()
        with self.lock:
            for file in self._open:
                file.close()
        self._lease.release()

    # Reading

    def head(self) -> int:
        """The number of the last request that is on the disk; 0 before the first."""
        return self._head

    def read(self, after: int, max_bytes: int) -> list[Entry]:
        """The requests held that follow `after`, of so many bytes; at least one, if any.

        Raises StoreError where the file is damaged.
        """
        try:
            return self._reading().read(after, self._head, max_bytes)
        except sqlite3.OperationalError:
            raise
        except (sqlite3.DatabaseError, cramjam.DecompressionError) as error:
            raise StoreError(
                f"the request log {self.path} is damaged: {error}",
                "stop the collector, and move the file away to start an empty one",
            ) from error

    def wait(self, after: int, timeout: float) -> bool:
        """Waits for a request after that number; False where none came in time (seconds)."""
        with self.lock:
            self._news.wait_for(lambda: self._head > after or self._closing, timeout)
            return self._head > after

    def size(self) -> int:
        """Bytes of the requests held, as stored."""
        return self._reading().span(0).bytes

    def has_room(self) -> bool:
        """Whether a small request would be kept now: else senders are told to come again."""
        with self.lock:
            if self._failing or self._closing:
                return False
            unskipped = [each.position for each in self._cursors.values() if each.never_skipped]
        file = self._reading()
        excess = file.span(0).bytes + SMALL_BYTES - self.max_bytes
        if excess > 0:
            fits = self.max_bytes >= SMALL_BYTES
            return fits and (not unskipped or file.freeing(excess) <= min(unskipped))
        return self._disk_left(file) >= SMALL_BYTES

    def lag(self, after: int) -> Lag:
        """What of the requests held follows `after`."""
        span = self._reading().span(after)
        age = (time.time_ns() - span.received) / 1e9 if span.requests else 0.0
        return Lag(span.requests, span.points, span.bytes, max(0.0, age))

    def _reading(self) -> LogFile:
        """A connection of this thread."""
        file: LogFile | None = getattr(self._connections, "file", None)
        if file is None:
            file = self._connections.file = LogFile.reading(self.path)
            with self.lock:
                self._open.append(file)
        return file

    # Exporters

    def cursor(self, name: str, never_skipped: bool = False) -> Cursor:
        """The exporter's cursor; a new one starts with the oldest request that is held.

        For one that is `never_skipped` nothing is dropped: at its bounds the log refuses instead.
        """
        oldest = self._reading().first()
        with self.lock:
            start = self._head if oldest is None else oldest - 1
            cursor = self._cursors.setdefault(name, Cursor(self, name, Place(start)))
            cursor.place = replace(cursor.place, never_skipped=never_skipped)
            self._forgotten.discard(name)
            return cursor

    def names(self) -> list[str]:
        """The exporters that the log has cursors of, whether or not they are at work now."""
        with self.lock:
            return sorted(self._cursors)

    def forget(self, name: str) -> None:
        """Holds nothing for that exporter any more."""
        with self.lock:
            if self._cursors.pop(name, None) is not None:
                self._forgotten.add(name)

    # The writer's thread

    def _write(self) -> None:
        while (group := self._next_group()) is not None:
            try:
                self._commit(group)
                self._failing = False
            except Exception as error:  # noqa: BLE001 - without this thread nothing is kept.
                self._failed(group, error)

    def _next_group(self) -> list[_Pending] | None:
        """What waits, as much as one transaction takes; None once all is done."""
        with self.lock:
            rest = RETRY_SECONDS if self._failing else 0 if self._more else TIDY_SECONDS
            self._work.wait_for(lambda: self._waiting or self._closing, rest)
            group, size = list[_Pending](), 0
            while self._waiting and (not group or size < MAX_GROUP_BYTES):
                pending = self._waiting.popleft()
                if pending.done.set_running_or_notify_cancel():
                    group.append(pending)
                    size += len(pending.body)
            if self._closing and not group and (self._failing or not self._untidy()):
                return None
            return group

    def _untidy(self) -> bool:
        """Whether the disk is behind what cursors know."""
        moved = any(each.place != each.written for each in self._cursors.values())
        return moved or bool(self._forgotten)

    def _commit(self, group: list[_Pending]) -> None:
        packed = [pack(pending.body) for pending in group]
        with self.lock:
            self._expire()
            if not (group or self._more or self._untidy()):
                return
        numbers: list[int | None] = []
        with self._file.transaction():
            self._more = self._remove()
            left = self._disk_left(self._file)
            for pending, body in zip(group, packed, strict=True):
                number = None
                if self._room(len(body), left):
                    number = self._file.insert(
                        pending.received, pending.points, len(pending.body), body
                    )
                    left -= len(body)
                numbers.append(number)
            places, forgotten = self._keep_places()
        with self.lock:
            self._head = max((n for n in numbers if n is not None), default=self._head)
            for cursor, place in places.items():
                cursor.written = place
            self._forgotten -= forgotten
            self._news.notify_all()
        for pending, number in zip(group, numbers, strict=True):
            if number is None:
                pending.done.set_exception(LogFull("the request log has no room now"))
            else:
                pending.done.set_result(number)

    def _failed(self, group: list[_Pending], error: Exception) -> None:
        """Nothing of the group is on the disk; what was decided meanwhile will be, later."""
        self._failing = True
        self._diagnostics.error("request log", f"cannot write the request log: {error}")
        with suppress(sqlite3.Error):
            self._file.shrink()
        for pending in (each for each in group if not each.done.done()):
            pending.done.set_exception(LogFull(f"the request log cannot be written now: {error}"))

    def _keep_places(self) -> tuple[dict[Cursor, Place], set[str]]:
        with self.lock:
            cursors = self._cursors.values()
            places = {each: each.place for each in cursors if each.place != each.written}
            forgotten = set(self._forgotten)
        for cursor, place in places.items():
            self._file.keep(cursor.name, place)
        for name in forgotten:
            self._file.forget(name)
        return places, forgotten

    def _remove(self) -> bool:
        """Removes requests that nobody has yet to send; whether there are more of them."""
        with self.lock:
            to = min((each.position for each in self._cursors.values()), default=self._dropped_to)
        oldest = self._file.first()
        if oldest is None or oldest > to:
            return False
        self._file.delete(min(to, oldest + MAX_REMOVED - 1))
        return to >= oldest + MAX_REMOVED

    def _disk_left(self, file: LogFile) -> int:
        """Bytes of requests that the disk takes, with what the file has room for inside."""
        disk = os.statvfs(self.path.parent)
        spare = min(SPARE_BYTES, disk.f_blocks * disk.f_frsize // 20)
        # What stands in the WAL will stand in the file as well, and so will what is added.
        wal = self.path.with_name(self.path.name + "-wal").stat().st_size
        return max(0, disk.f_bavail * disk.f_frsize - spare - wal) // 2 + file.free()

    def _room(self, size: int, left: int) -> bool:
        """Whether a request of `size` can be kept, once the oldest were dropped if need be."""
        excess = self._file.span(0).bytes + size - self.max_bytes
        if excess > 0:
            to = self._file.freeing(excess)
            with self.lock:
                if size > self.max_bytes or to > self._unskipped():
                    return False
                self._drop(to)
            self._file.delete(to)
        return size <= left or excess > 0

    def _unskipped(self) -> int:
        """The last request that may be dropped."""
        never = (each.position for each in self._cursors.values() if each.never_skipped)
        return min(never, default=self._file.head())

    def _expire(self) -> None:
        """Drops what has waited too long, but for those who are never skipped."""
        skipped = (each.position for each in self._cursors.values() if not each.never_skipped)
        after = min(skipped, default=self._dropped_to)
        # A clock that is set forward meanwhile makes no request old.
        now = min(time.time_ns(), self._began + time.monotonic_ns())
        moment = now - int(self.max_age * 1e9)
        to = self._file.before(moment, after, MAX_REMOVED)
        if to > after:
            self._drop(to)
            self._more = True

    def _drop(self, to: int) -> None:
        self._dropped_to = to
        for cursor in self._cursors.values():
            if not cursor.never_skipped and cursor.position < to:
                cursor.drop(to, self._file.span(cursor.position, to))
                if lost := cursor.dropped:
                    self._tell_of_loss(cursor.name, lost)

    def _tell_of_loss(self, name: str, points: int) -> None:
        remedy = "see why it does not send, or raise request_log.max_bytes or max_age"
        told = f"{name} LOSES the oldest that it has yet to send, at the bounds of the request log"
        message = f"{told}; {points} points are lost so far; {remedy}"
        self._diagnostics.error(f"{name} bound", message)


def _leased(path: Path) -> Lease:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lease = Lease.take(path.with_name(path.name + ".lock"))
    except OSError as error:
        hint = "name a folder that you may write: --dir, or request_log.directory"
        raise StoreError(f"cannot write {path.parent}: {error.strerror}", hint) from error
    if lease is None:
        raise StoreBusy(
            f"the request log {path} is in use", "stop the other collector, or name another folder"
        )
    return lease

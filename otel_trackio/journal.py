"""The journal: a ring of frames in a memory-mapped file, so that a `log()` that returned is safe.

A store to a shared mapping is in the page cache at once and outlives SIGKILL. The training thread
only packs one frame and copies it in; the writer thread drains the frames into the run file and
remembers there, in the same transaction, how far it came.
"""

from __future__ import annotations

import mmap
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from otel_trackio import frames
from otel_trackio.frames import Layout

MAX_FRAME_SHARE: Final = 4
"""A frame may take at most this fraction of the ring; larger calls are split."""

_ZEROS: Final = bytes(1 << 20)


class Medium(Protocol):
    """Bytes of a fixed size that survive the process."""

    def write(self, offset: int, data: bytes) -> None: ...
    def read(self, offset: int, length: int) -> bytes: ...
    def close(self) -> None: ...


class Mapped:
    """A file mapped into memory: the normal medium."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._map = mmap.mmap(descriptor, size)

    def write(self, offset: int, data: bytes) -> None:
        self._map[offset : offset + len(data)] = data

    def read(self, offset: int, length: int) -> bytes:
        return self._map[offset : offset + length]

    def close(self) -> None:
        self._map.close()


class Plain:
    """Ordinary positioned writes, where a file system cannot map files."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = os.dup(descriptor)

    # Seeking first would not do where it can be helped: other threads write while one reads.
    if sys.platform == "win32":

        def write(self, offset: int, data: bytes) -> None:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            os.write(self._descriptor, data)

        def read(self, offset: int, length: int) -> bytes:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, length)
    else:

        def write(self, offset: int, data: bytes) -> None:
            os.pwrite(self._descriptor, data, offset)

        def read(self, offset: int, length: int) -> bytes:
            return os.pread(self._descriptor, length, offset)

    def close(self) -> None:
        os.close(self._descriptor)


def allocate(path: Path, size: int) -> Medium:
    """A new medium of `size` zero bytes at `path`. Raises OSError where there is no room.

    Zeros are really written: a mapping of a sparse file dies of SIGBUS when the disk is full,
    and pages that are in the cache already cost the training thread no disk fault later.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        written = 0
        while written < size:  # The last room of a disk takes a part of what it is given.
            written += os.write(descriptor, _ZEROS[: size - written])
        try:
            return Mapped(descriptor, size)
        except (OSError, ValueError):
            return Plain(descriptor)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes of a journal; `whole` if they are all it has, `cut` if the file has lost its end."""

    data: memoryview
    whole: bool
    cut: bool


def read(path: Path, size: int, start: int, length: int) -> Stretch:
    """Up to `length` bytes of somebody's journal, from absolute position `start` on.

    `size` is what the ring was made with; 0 for that of the file. Raises OSError where there is
    no such file.
    """
    with path.open("rb") as file:
        there = os.fstat(file.fileno()).st_size
        size = size or max(there, 1)
        cut, length = there < size, min(length, size)
        file.seek(start % size)
        data = file.read(min(length, size - start % size))
        if len(data) < length and not cut:
            file.seek(0)
            data += file.read(length - len(data))
    return Stretch(memoryview(data), length == size, cut)


class Journal:
    """The writing end. `put` may be called by any thread, and again from a signal handler."""

    def __init__(self, medium: Medium, size: int, wait: float, wake: threading.Event) -> None:
        self.lock = threading.RLock()
        self.head = 0
        self.number = 0
        self._medium = medium
        self._size = size
        self._wait = wait
        self._wake = wake
        self._wake_at = size // 2
        self._tail = 0
        self._room = threading.Condition(threading.Lock())
        self._stalled_at = -1
        self._closed = False
        self._busy = False
        self._late: list[Callable[[int], bytes]] = []

    @property
    def max_frame(self) -> int:
        return self._size // MAX_FRAME_SHARE

    def put(self, layout: Layout, time: int, step: int, values: Sequence[Any]) -> bool:
        """Keeps one frame; False where the ring stayed full, and nothing was kept.

        Raises struct.error where a value does not fit its code; then, too, nothing was kept.
        """
        with self.lock:
            if self._busy:
                layout.frame(0, time, step, values)  # Raises now, to the caller it concerns.
                self._late.append(lambda number: layout.frame(number, time, step, values))
                return True
            self._busy = True
            try:
                if self._late:
                    self._write_late()
                return self._write(layout.frame(self.number, time, step, values))
            finally:
                self._busy = False

    def put_body(self, layout: int, time: int, step: int, body: bytes) -> bool:
        """As `put`, for a frame whose body is bytes already."""
        with self.lock:
            self._late.append(lambda number: frames.frame(number, time, step, layout, body))
            return self._busy or self._settle()

    def _settle(self) -> bool:
        # A signal handler or a finaliser may log in the middle of another call, which it finds
        # busy: its frame waits, and is written before any that comes later.
        self._busy = True
        try:
            return self._write_late()
        finally:
            self._busy = False

    def _write_late(self) -> bool:
        kept = True
        while self._late:
            kept = self._write(self._late.pop(0)(self.number))
        return kept

    def _write(self, data: bytes) -> bool:
        if self._closed:
            return False
        head = self.head
        end = head + len(data)
        if end - self._size > self._tail and not self._wait_for_room(end - self._size):
            return False
        offset = head % self._size
        room = self._size - offset
        if len(data) <= room:
            self._medium.write(offset, data)
        else:
            self._medium.write(0, data[room:])
            self._medium.write(offset, data[:room])
        self.number += 1
        self.head = end
        if end > self._wake_at:
            self._wake_at = end + self._size // 2
            self._wake.set()
        return True

    def _wait_for_room(self, needed_tail: int) -> bool:
        if self._stalled_at == self._tail:
            return False
        self._wake.set()
        with self._room:
            self._room.wait_for(lambda: self._tail >= needed_tail, self._wait)
        self._stalled_at = -1 if self._tail >= needed_tail else self._tail
        return self._stalled_at == -1

    def undrained(self) -> tuple[memoryview, int]:
        """A copy of the bytes not drained yet, and the position after them."""
        if self._late and self.lock.acquire(blocking=False):
            try:
                if not self._busy:
                    self._settle()
            finally:
                self.lock.release()
        head, tail = self.head, self._tail
        offset, length = tail % self._size, head - tail
        data = self._medium.read(offset, min(length, self._size - offset))
        if len(data) < length:
            data += self._medium.read(0, length - len(data))
        return memoryview(data), head

    def drained(self, position: int) -> None:
        """Frees the ring up to `position`, which the run file now holds for good."""
        with self._room:
            self._tail = position
            self._room.notify_all()
        self._wake_at = position + self._size // 2

    def move(self, medium: Medium) -> None:
        """Goes on in another medium of the same size, which gets a copy of all bytes."""
        with self.lock:
            medium.write(0, self._medium.read(0, self._size))
            old, self._medium = self._medium, medium
        old.close()

    def seal(self) -> None:
        """From now on nothing more is kept; what was can still be drained.

        Called by a signal handler in the middle of a call, that call is cut short, and what was
        logged in the handler is kept.
        """
        with self.lock:
            self._write_late()
            self._closed = True

    def close(self) -> None:
        self.seal()
        self._medium.close()

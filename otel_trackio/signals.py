"""SIGTERM: what a job recorded is stored and synced before its machine goes away.

Python writes a byte to its wakeup fd for each signal, even while the main thread is in a long C
call, where no handler runs. A thread reads it. Where the application handles SIGTERM itself, that
is all: its handler decides what becomes of the process. Over the default action we flush, then end
the process as that action does.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from signal import SIGTERM
from types import FrameType
from typing import Final, NoReturn, Protocol

from otel_trackio.diagnostics import logger
from otel_trackio.threads import started

FLUSH_SECONDS: Final = 8.0
"""How long the end of a process is put off: SIGKILL often comes ten seconds after SIGTERM."""

LOOK_SECONDS: Final = 1.0
"""How often it is looked whose handler is in force."""

RETURN_SECONDS: Final = 0.05
"""How often it is looked whether a handler that called ours has returned."""

_ASKED: Final = b"\0"
"""What our own handler writes; no signal has that number."""


class Job(Protocol):
    """A run, as seen by what tells it to go away."""

    @property
    def state(self) -> str: ...
    def sync_now(self, timeout: float) -> bool: ...
    def interrupt(self, signal: str, timeout: float) -> None: ...


def watch(current: Callable[[], Job | None]) -> None:
    """From now on a SIGTERM stores and syncs the current job.

    Does nothing where only the main thread could, or SIGTERM is ignored or handled by C code.
    """
    global _watch
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(SIGTERM) in (None, signal.SIG_IGN) or _is_caught_by_c():
        return
    if _watch is None:
        made = Watch(current)
        if not made.start():
            return
        _watch = made
    with suppress(ValueError):  # Not the main interpreter.
        _watch.arm()


def _is_caught_by_c() -> bool:
    """Whether C code handles SIGTERM, of which Python knows nothing."""
    if signal.getsignal(SIGTERM) is not signal.SIG_DFL or sys.platform != "linux":
        return False
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text("utf-8", "replace").splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (SIGTERM - 1) & 1)
    return False


class Watch:
    """Two threads that wait for SIGTERM, as late as at exit, when no thread can be started."""

    def __init__(self, current: Callable[[], Job | None]) -> None:
        self._current = current
        self._process = os.getpid()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._former = Wakeup(-1)
        self._syncing: threading.Thread | None = None
        # Plain attributes, for a handler must not take a lock that it may have interrupted.
        self._asked = self._in_force = False
        self._caller: FrameType | None = None
        self._flushing, self._flushed = threading.Event(), threading.Event()

    def start(self) -> bool:
        """False where no thread can be started."""
        return all(map(started, (_thread("signals", self._listen), _thread("end", self._flush))))

    def arm(self) -> None:
        """Listens, and handles SIGTERM where nobody else does."""
        former = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        if former != self._writer:
            self._former = Wakeup(former)
        if signal.getsignal(SIGTERM) is signal.SIG_DFL:
            signal.signal(SIGTERM, self._handle)
        self._in_force = self._is_ours()

    def leave(self) -> None:
        """Lets a forked child be as if nothing had been armed."""
        if self._is_ours():
            signal.signal(SIGTERM, signal.SIG_DFL)
        current = signal.set_wakeup_fd(-1)
        with suppress(OSError, ValueError):  # It is closed.
            signal.set_wakeup_fd(self._former.fd if current == self._writer else current)
        os.close(self._reader)
        os.close(self._writer)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        """Returns at once: what it interrupted may hold a lock that the flush needs."""
        if os.getpid() != self._process:
            end_by_default()  # The handler of a forked child calls what its parent had before it.
        caller = sys._getframe().f_back
        if caller is not frame:
            self._caller = caller  # Another handler, which may have more to do.
        self._asked = True
        with suppress(BlockingIOError):  # Then there is enough to read.
            os.write(self._writer, _ASKED)

    def _is_ours(self) -> bool:
        return signal.getsignal(SIGTERM) == self._handle

    def _listen(self) -> None:
        arrivals = select.poll()
        arrivals.register(self._reader, select.POLLIN)
        while True:
            data = os.read(self._reader, 4096) if arrivals.poll(LOOK_SECONDS * 1000) else b""
            self._former.write(data.replace(_ASKED, b""))
            # Another's handler may have put ours back first of all, for a second SIGTERM: what
            # counts is who was there before.
            if self._asked or (SIGTERM in data and self._in_force and self._is_ours()):
                self._end()
            elif SIGTERM in data:
                self._sync()
            else:
                self._in_force = self._is_ours()

    def _sync(self) -> None:
        """Syncs beside a handler that is not ours, as it may end the process at any moment."""
        job = self._current()
        if job is None or job.state != "running" or (self._syncing and self._syncing.is_alive()):
            return
        self._syncing = _thread("last-sync", partial(job.sync_now, FLUSH_SECONDS))
        started(self._syncing)

    def _end(self) -> None:
        """Flushes, then does what the default action does."""
        job = self._current()
        if os.getpid() == 1 and (job is None or job.state != "running"):
            self._asked = False
            return  # To the first process of a container the default action does nothing.
        # Should the program end by itself meanwhile, Python waits first for what is no daemon.
        started(threading.Thread(target=time.sleep, args=(2 * FLUSH_SECONDS,), daemon=False))
        self._flushing.set()
        if not self._flushed.wait(FLUSH_SECONDS):
            logger.warning("SIGTERM comes before all is synced; otel-trackio sync does it")
        while self._caller_is_running():
            time.sleep(RETURN_SECONDS)
        end_by_default()

    def _flush(self) -> None:
        self._flushing.wait()
        job = self._current()
        try:
            if job is not None:
                job.interrupt(SIGTERM.name, FLUSH_SECONDS)
        except Exception as error:  # noqa: BLE001 (the process must end)
            logger.warning("cannot end the run: %s: %s", type(error).__name__, error)
        finally:
            self._flushed.set()

    def _caller_is_running(self) -> bool:
        if self._caller is None:
            return False
        for frame in sys._current_frames().values():
            below: FrameType | None = frame
            while below is not None:
                if below is self._caller:
                    return True
                below = below.f_back
        return False


def _thread(name: str, target: Callable[[], object]) -> threading.Thread:
    return threading.Thread(target=target, name=f"otel-trackio-{name}", daemon=True)


class Wakeup:
    """A wakeup fd of somebody else's, for as long as it is what it was."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._file = os.fstat(fd) if fd >= 0 else None

    def write(self, data: bytes) -> None:
        """Passes signals on. They are lost where it is full, or was closed."""
        if self._file is None or not data:
            return
        with suppress(OSError):
            if os.path.samestat(os.fstat(self.fd), self._file):
                os.write(self.fd, data)


def end_by_default() -> NoReturn:
    """Ends the process as SIGTERM does by default. Any thread may call it."""
    if os.getpid() != 1:  # The kernel spares the first process of a container that.
        with suppress(Exception):
            # C's `signal`: Python's is for the main thread alone, which may be in a C call.
            ctypes.CDLL(None).signal(SIGTERM, None)
            os.kill(os.getpid(), SIGTERM)
    os._exit(128 + SIGTERM)


_watch: Watch | None = None
_blocked = threading.local()


def _before_fork() -> None:
    # A child that is told to end before it has left would tell its parent, and go on itself.
    if _watch is not None:
        _blocked.here = SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, {SIGTERM})


def _after_fork() -> None:
    if getattr(_blocked, "here", False):
        _blocked.here = False
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {SIGTERM})


def _after_in_child() -> None:
    global _watch
    if _watch is not None:
        _watch.leave()
        _watch = None
    _after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_in_child
    )

"""Calls of the Hub that end in time, whatever it does.

Left alone they do not: its client waits for ever for an answer, and its xet library tries for
minutes. Both can be told otherwise for the whole process only (`set_client_factory`, HF_XET_*),
and would cut the training code's own uploads of models short, too. So each call has a thread, which
is left behind when the time is up. What it still asks ends then, too: a request from such a thread
has what time is left for its timeout, and none is made afterwards. So no call that was given up
commits later what has been done again, or undone, meanwhile.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeVar

TIMEOUT_SECONDS: Final = 120.0
"""How long a call may take unless its caller says otherwise."""

MOST_OVERDUE: Final = 32
"""Calls that were given up and have not ended; while there are so many, no other is made."""

MOST_IDLE: Final = 2
"""Threads kept for later calls: from Python 3.12 on, an interpreter that ends starts no more."""

GRACE: Final = 1.0
"""Seconds that a request gets beyond what is left, so that the call itself is what ends first."""

T = TypeVar("T")


class Overdue(TimeoutError):
    """A call has not ended in time; what it does may happen all the same."""


def within(seconds: float, work: Callable[[], T]) -> T:
    """Does the work in another thread; returns or raises what it does, or raises Overdue."""
    _overdue[:] = [call for call in _overdue if call.goes_on()]
    if len(_overdue) >= MOST_OVERDUE:
        raise Overdue(f"{len(_overdue)} earlier calls still wait for an answer")
    call = _Call(work, time.monotonic() + seconds, _free_worker())
    if call.worker is None:
        call.make()()  # Nothing ends it, but none of its requests takes longer.
    else:
        call.worker.calls.put(call)
    try:
        wait([call.outcome], seconds)
    finally:
        if not call.outcome.done():
            call.end = time.monotonic()
            _overdue.append(call)
    if not call.outcome.done():
        raise Overdue(f"no answer within {seconds:g} s")
    return call.outcome.result()


class _Call(Generic[T]):
    def __init__(self, work: Callable[[], T], end: float, worker: _Worker | None) -> None:
        self.work = work
        self.end = end
        self.worker = worker
        self.outcome: Future[T] = Future()

    def goes_on(self) -> bool:
        return not self.outcome.done() and self.worker is not None and self.worker.is_alive()

    def make(self) -> Callable[[], None]:
        """Does the work; what it returns tells the outcome to who waits."""
        _here.call = self
        try:
            return partial(self.outcome.set_result, self.work())
        except BaseException as error:  # noqa: BLE001 (who waits raises it)
            return partial(self.outcome.set_exception, error)
        finally:
            _here.call = None


class _Worker(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="otel-trackio-hub", daemon=True)
        self.calls: SimpleQueue[_Call[Any]] = SimpleQueue()

    def run(self) -> None:
        while True:
            tell = self.calls.get().make()
            stays = len(_idle) < MOST_IDLE
            if stays:
                _idle.append(self)  # First, so that whoever waits finds it for the next call.
            tell()
            del tell
            if not stays:
                return


_here = threading.local()
_idle: deque[_Worker] = deque()
_overdue: list[_Call[Any]] = []


def _free_worker() -> _Worker | None:
    """One that is idle, or a new one; none where the interpreter ends."""
    with suppress(IndexError):
        while not (worker := _idle.pop()).is_alive():
            pass  # It was the parent's, and this process is forked.
        return worker
    worker = _Worker()
    try:
        worker.start()
    except RuntimeError:
        return None
    return worker


def seconds_left() -> float | None:
    """What is left to the call that this thread makes; None where it makes none."""
    call: _Call[Any] | None = getattr(_here, "call", None)
    return None if call is None else call.end - time.monotonic()


def bind(session: Any) -> None:
    """Makes every request of the client's HTTP session end with the call whose thread makes it.

    Nothing changes for requests from other threads. To be repeated for each call: the client may
    have dropped its session for a new one.
    """
    hooks = session.event_hooks["request"]
    if _limit not in hooks:
        hooks.append(_limit)


def _limit(request: Any) -> None:
    left = seconds_left()
    if left is None:
        return
    if left <= 0:
        raise Overdue("the call that asks for this was given up")
    kinds = ("connect", "read", "write", "pool")
    request.extensions["timeout"] = dict.fromkeys(kinds, left + GRACE)


def hush(name: str) -> None:
    """Lets a logger warn of nothing that happens in the threads here: errors say it, and once."""
    logger = logging.getLogger(name)
    if _audible not in logger.filters:
        logger.addFilter(_audible)


def _audible(record: logging.LogRecord) -> bool:
    return record.levelno != logging.WARNING or seconds_left() is None

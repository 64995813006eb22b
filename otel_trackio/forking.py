"""Forks wait until none of our threads holds a lock that the child would inherit, locked for ever.

SQLite, the OpenTelemetry SDK and Python's imports all have such locks.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

PATIENCE: Final = 5.0
"""Seconds that a fork waits for the threads inside `unforked()`; then it goes on regardless."""

_gate = threading.Condition()
_inside: Counter[int] = Counter()
_forking = 0


@contextmanager
def unforked() -> Iterator[None]:
    """Other threads do not fork while this one is in the block. Blocks may be nested."""
    own = threading.get_ident()
    with _gate:
        if not _inside[own]:
            _gate.wait_for(lambda: not _forking, PATIENCE)
        _inside[own] += 1
    try:
        yield
    finally:
        with _gate:
            _inside[own] -= 1
            _gate.notify_all()


def _before() -> None:
    global _forking
    own = threading.get_ident()
    _gate.acquire()
    _forking += 1
    _gate.wait_for(lambda: not any(n for thread, n in _inside.items() if thread != own), PATIENCE)
    _forking -= 1


def _after_in_parent() -> None:
    _gate.notify_all()
    _gate.release()


def _after_in_child() -> None:
    global _gate, _forking
    _gate, _forking = threading.Condition(), 0
    own = threading.get_ident()
    for thread in [thread for thread in _inside if thread != own]:
        del _inside[thread]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
    )

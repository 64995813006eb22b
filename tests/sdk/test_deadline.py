"""A call ends in time, whatever it waits for."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress

import pytest

from otel_trackio.deadline import MOST_OVERDUE, Overdue, seconds_left, within


def test_a_call_returns_or_raises_what_its_work_does() -> None:
    """As if it were done here; a TimeoutError of its own is not taken for being late."""
    assert within(60, lambda: "done") == "done"
    with pytest.raises(TimeoutError, match="its own") as error:
        within(60, lambda: exec("raise TimeoutError('its own')"))
    assert not isinstance(error.value, Overdue)


def test_work_knows_what_time_is_left() -> None:
    """And who does no such work has no limit."""
    left = within(60, seconds_left)
    assert left is not None
    assert 0 < left <= 60
    assert seconds_left() is None


def test_no_more_calls_than_may_be_left_behind() -> None:
    """A Hub that is silent for days costs a few threads; when they end, calls are made again."""
    ended = threading.Event()
    made: list[int] = []
    try:
        for _ in range(MOST_OVERDUE):  # Other tests may have left some, too.
            with pytest.raises(Overdue, match=r"no answer within 0.01 s|earlier calls still wait"):
                within(0.01, ended.wait)
        with pytest.raises(Overdue, match=f"{MOST_OVERDUE} earlier calls still wait"):
            within(60, lambda: made.append(1))
        assert made == []
    finally:
        ended.set()
    while made != [1]:
        with suppress(Overdue):
            within(60, lambda: made.append(1))


def test_threads_are_used_again() -> None:
    """One call after the other needs one thread."""
    within(60, int)
    before = threading.active_count()
    for _ in range(20):
        within(60, int)
    assert threading.active_count() == before


def test_without_threads_it_is_done_here() -> None:
    """Where no thread can be started, as at the interpreter's end, work is done all the same."""
    script = """
import threading
from otel_trackio.deadline import within
threading.stack_size(1 << 46)  # More than there is.
print(within(60, lambda: threading.current_thread().name))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout + done.stderr == "MainThread\n"

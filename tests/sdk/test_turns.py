"""A thread that works when that is due, and when somebody asks."""

from __future__ import annotations

import threading
import time

from otel_trackio.turns import Turns

NEVER = time.monotonic() + 1e6


def test_who_asks_waits_for_a_turn_of_his_own() -> None:
    """One under way may have begun before what he wants done: it does not count."""
    begun, go_on = threading.Semaphore(0), threading.Semaphore(0)
    told: list[bool] = []

    def work(asked: bool) -> None:
        told.append(asked)
        begun.release()
        go_on.acquire()

    turns = Turns("t", work, lambda: 0.0 if not told else NEVER)
    turns.start()
    begun.acquire()
    waiter = threading.Thread(target=turns.ask(60.0))
    waiter.start()
    go_on.release()
    begun.acquire()
    assert waiter.is_alive()
    go_on.release()
    waiter.join(60)
    assert told == [False, True]


def test_the_last_turn_is_done_before_the_end() -> None:
    """What it ends with comes after, on its thread; whoever asks later waits for nothing."""
    done: list[str] = []
    turns = Turns(
        "t", lambda _: done.append("turn"), lambda: NEVER, last=lambda: done.append("end")
    )
    turns.start()
    turns.ask(60.0, last=True)()
    while "end" not in done:
        time.sleep(0.01)
    turns.ask(60.0)()
    assert done == ["turn", "end"]


def test_nobody_waits_longer_than_he_said() -> None:
    """A turn that hangs is left to itself, and knows that it is too late."""
    hanging, late = threading.Event(), threading.Event()

    def work(_: bool) -> None:
        hanging.wait()
        if turns.too_late:
            late.set()

    turns = Turns("t", work, lambda: NEVER)
    turns.start()
    turns.ask(0.05)()
    hanging.set()
    assert late.wait(60)


def test_it_goes_on_when_something_is_due_sooner() -> None:
    """The moment is asked for again once it has changed."""
    moment, done = [NEVER], threading.Event()

    def work(_: bool) -> None:
        moment[0] = NEVER
        done.set()

    turns = Turns("t", work, lambda: moment[0])
    turns.start()
    moment[0] = 0.0
    turns.wake()
    assert done.wait(60)


def test_without_a_thread_the_one_who_waits_does_it() -> None:
    """At the end of an interpreter no thread can be started."""
    done: list[bool] = []
    turns = Turns("t", done.append, lambda: NEVER)
    turns.ask(60.0)()
    assert done == [True]

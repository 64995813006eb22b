"""Parents and children that record one run, or each their own, in the ways that processes begin.

The argument names a scene; each child logs `child/<number>` and what all have in common, `shared`.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import otel_trackio

CHILDREN: Final = 3
BUSY_CHILDREN: Final = 6
CALLS: Final = 200
STRIDE: Final = 10_000


def log_as(number: int, run: otel_trackio.Run | None = None) -> None:
    """What process or thread `number` logs; the parent is number 0."""
    log = otel_trackio.log if run is None else run.log
    for call in range(CALLS):
        step = number * STRIDE + call
        log({f"child/{number}": call, "shared": step / 7}, step)


def leave_at_once(number: int) -> None:
    log_as(number)
    os._exit(0)


def wait_for(children: list[int]) -> None:
    for child in children:
        _, status = os.waitpid(child, 0)
        assert status == 0, status


def forked(*bodies: Callable[[], Any]) -> list[int]:
    """Starts a child for each body; it ends as an interpreter does, or as the body says."""
    children = []
    for body in bodies:
        child = os.fork()
        if child == 0:
            body()
            sys.exit()
        children.append(child)
    return children


def fork() -> None:
    """Children end by `os._exit`, by falling off their end, and by `finish`, which ends no more."""

    def finish() -> None:
        log_as(3)
        otel_trackio.finish()

    run = otel_trackio.init("family", config={"who": "parent"})
    children = forked(lambda: leave_at_once(1), lambda: log_as(2), finish)
    log_as(0)
    wait_for(children)
    assert run.state == "running"
    run.finish()


def fork_silent() -> None:
    """Children that record nothing: one collects its garbage, one ends in each way there is."""

    def nothing() -> None:
        gc.collect()

    run = otel_trackio.init("family")
    for number in range(20):
        log_as(number)
        wait_for(forked(nothing, lambda: os._exit(0)))
    run.finish()


def fork_stepless() -> None:
    """A child that names no steps, of a parent that names none."""
    run = otel_trackio.init("family")
    log_stepless()
    wait_for(forked(log_stepless))
    run.finish()


def grandchildren() -> None:
    """A child that logs has a child that logs."""

    def child() -> None:
        log_as(1)
        children = forked(lambda: leave_at_once(2))
        wait_for(children)

    run = otel_trackio.init("family")
    wait_for(forked(child))
    log_as(0)
    run.finish()


def own_runs() -> None:
    """Each forked child starts a run of its own while the parent goes on with its own."""

    def child(number: int) -> None:
        with otel_trackio.init("family", f"child-{number}") as run:
            otel_trackio.get_meter("family").create_gauge("gauge").set(float(number))
            log_as(number, run)

    gauge = otel_trackio.get_meter("family").create_gauge("gauge")
    run = otel_trackio.init("family", "parent")
    gauge.set(0.0)
    children = forked(*(partial(child, number) for number in range(1, CHILDREN + 1)))
    log_as(0)
    wait_for(children)
    run.finish()


def busy_forks() -> None:
    """Forks at any moment of what the library's own threads do; each child starts its own run."""

    def child(number: int) -> None:
        with otel_trackio.init(name=f"child-{number}") as run:
            gauge.set(float(number))
            log_as(number, run)

    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            run.log({"busy": 1.0})

    gauge = otel_trackio.get_meter("family").create_gauge("gauge")
    run = otel_trackio.init(name="parent")
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(1, BUSY_CHILDREN + 1):
        for _ in range(1000):
            gauge.set(0.0)
        wait_for(forked(partial(child, number)))
    stop.set()
    for thread in threads:
        thread.join()
    run.finish()


def measuring_fork() -> None:
    """Forks while other threads measure, so that the SDK's own locks may be held in the child."""

    def child(number: int) -> None:
        with otel_trackio.init("family", f"child-{number}") as run:
            log_as(number, run)

    stop = threading.Event()

    def measure() -> None:
        while not stop.is_set():
            gauge.set(1.0)

    gauge = otel_trackio.get_meter("family").create_gauge("gauge")
    run = otel_trackio.init("family", "parent")
    threads = [threading.Thread(target=measure) for _ in range(2)]
    for thread in threads:
        thread.start()
    children = forked(*(partial(child, number) for number in range(1, CHILDREN + 1)))
    wait_for(children)
    stop.set()
    for thread in threads:
        thread.join()
    run.finish()


def fork_pool() -> None:
    """multiprocessing's forked children, which end by `os._exit`."""
    run = otel_trackio.init("family")
    start(multiprocessing.get_context("fork"), log_as)
    log_as(0)
    run.finish()


def fork_shared() -> None:
    """Forked children that call `init` with the run's id in their environment."""
    run = otel_trackio.init("family")
    os.environ["OTEL_TRACKIO_RUN_ID"] = run.id
    start(multiprocessing.get_context("fork"), spawned)
    log_as(0)
    run.finish()


def spawn() -> None:
    """Spawned children inherit nothing but the environment, and join by the run's id in it."""
    run = otel_trackio.init("family")
    os.environ["OTEL_TRACKIO_RUN_ID"] = run.id
    start(multiprocessing.get_context("spawn"), spawned)
    log_as(0)
    run.finish()


def spawned(number: int) -> None:
    with otel_trackio.init("family") as run:
        log_as(number, run)


def start(context: Any, target: Callable[[int], None]) -> None:
    children = [context.Process(target=target, args=(number,)) for number in range(1, CHILDREN + 1)]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0


def threads() -> None:
    """Threads of one process, with and without a step of their own."""
    sys.setswitchinterval(1e-6)
    run = otel_trackio.init("family")
    others = [threading.Thread(target=log_as, args=(number,)) for number in range(CHILDREN + 1)]
    others += [threading.Thread(target=log_stepless) for _ in range(CHILDREN)]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join()
    run.finish()


def log_stepless() -> None:
    for call in range(CALLS):
        otel_trackio.log({"stepless": call})


def finish_under_fire() -> None:
    """Threads log while the run finishes; says how many calls returned, and what was refused."""
    sys.setswitchinterval(1e-6)
    calls = [0] * 4
    run = otel_trackio.init("family")
    stop = threading.Event()

    def log(number: int) -> None:
        while not stop.is_set():
            run.log({f"child/{number}": calls[number]}, calls[number])
            calls[number] += 1

    others = [threading.Thread(target=log, args=(number,)) for number in range(len(calls))]
    for thread in others:
        thread.start()
    while min(calls) < 50:
        pass
    run.finish()
    stop.set()
    for thread in others:
        thread.join()
    counts = run.diagnostics.counts()
    refused = counts.get("dropped.finished", 0) + counts.get("dropped.journal_full", 0)
    print(sum(calls), refused)  # noqa: T201 (the answer)


def sequential() -> None:
    """Runs one after the other, each with its own points and measurements."""
    gauge = otel_trackio.get_meter("family").create_gauge("gauge")
    counter = otel_trackio.get_meter("family").create_counter("counter")
    for number in range(5):
        with otel_trackio.init("family", f"run-{number}") as run:
            for _ in range(10):
                gauge.set(float(number))
                counter.add(1)
            log_as(number, run)
    otel_trackio.init("family", "run-5")
    log_as(5)
    otel_trackio.init("family", "run-6")
    log_as(6)


def main() -> None:
    globals()[sys.argv[1]]()


if __name__ == "__main__":
    main()

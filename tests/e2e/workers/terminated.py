"""Jobs that are told to go away, each in the middle of something else.

The arguments are the name of a scene, and what it needs: for how many seconds at least its own
handler saves a checkpoint, or the file where it tells of itself. It prints `ready` when it may be
told, and later what it has come to.
"""

from __future__ import annotations

import asyncio
import faulthandler
import hashlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any, Final

import otel_trackio

STEPS: Final = 1000
CHILDREN: Final = 4
LATE: Final = 600
"""Seconds after which a scene that nobody ends has failed."""


def say(word: str) -> None:
    os.write(1, f"{word}\n".encode())  # A handler that interrupts a print() may not print().


def begin() -> otel_trackio.Run:
    """A run whose last point has been logged just now."""
    run = otel_trackio.init("terminated")
    if "OTEL_TRACKIO_DATASET_ID" in os.environ:
        run.sync_now()  # The first sync loads much, for which a busy machine takes its time.
    for step in range(STEPS):
        run.log({"loss": step / 7}, step)
    return run


def wait() -> None:
    say("ready")
    time.sleep(LATE)


def listen() -> None:
    """Goes on until it is told to otherwise than by a signal."""
    say("ready")
    sys.stdin.readline()


def sleeping() -> None:
    begin()
    wait()


def loop() -> None:
    """Logs on and on."""
    run = begin()
    say("ready")
    for step in count(STEPS):
        run.log({"loss": step / 7}, step)
        time.sleep(0.001)


def instrument() -> None:
    """A gauge is set, and not collected for an hour yet."""
    run = begin()
    otel_trackio.get_meter("tests").create_gauge("gauge").set(42.0)
    assert run.flush()
    otel_trackio.get_meter("tests").create_gauge("gauge").set(43.0)
    wait()


def c_call() -> None:
    """A single call of C that lets other threads run, and takes longer than the test."""
    begin()
    say("ready")
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)


def greedy_c_call() -> None:
    """One that lets nobody run meanwhile."""
    begin()
    say("ready")
    sum(range(10**8))
    time.sleep(LATE)


def finishing() -> None:
    """The run is being finished, which takes long."""
    run = begin()
    listen()
    run.finish()
    time.sleep(LATE)


def finished() -> None:
    begin().finish()
    listen()


def syncing() -> None:
    """The run is being synced, which takes long; the last points come later."""
    run = otel_trackio.init("terminated")
    run.log({"loss": 0.0}, 0)
    threading.Thread(target=run.sync_now, daemon=True).start()
    sys.stdin.readline()
    for step in range(1, STEPS):
        run.log({"loss": step / 7}, step)
    wait()


def ending() -> None:
    """The program comes to its end by itself, which finishes the run."""
    begin()
    listen()


def interrupted() -> None:
    """Ctrl-C is nobody's but the program's."""
    begin()
    try:
        wait()
    except KeyboardInterrupt:
        say("interrupted")
        raise
    finally:
        say("cleaned up")


Handler = Callable[[int, FrameType | None], Any]


def work() -> None:
    """Saves a checkpoint, which must not be cut short."""
    say("working")
    time.sleep(float(sys.argv[2]))
    sys.stdin.readline()
    say("done")


def work_and_exit(number: int, frame: FrameType | None) -> None:
    work()
    sys.exit(7)


def existing_handler() -> None:
    signal.signal(signal.SIGTERM, work_and_exit)
    begin()
    wait()


def later_handler() -> None:
    begin()
    signal.signal(signal.SIGTERM, work_and_exit)
    wait()


def one_shot_handler() -> None:
    """It puts back what was there before it, so that a second signal ends the process."""
    begin()
    before = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, before)
        work_and_exit(number, frame)

    signal.signal(signal.SIGTERM, handle)
    time.sleep(4)  # Long before the signal, as it is in life.
    wait()


def flagging_handler() -> None:
    """As in transformers: the handler leaves a note, and the loop saves and ends in good order."""
    run = begin()
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: told.set())
    say("ready")
    step = STEPS
    while not told.is_set():
        run.log({"loss": step / 7}, step)
        step += 1
        time.sleep(0.001)
    work()
    run.log({"loss": step / 7}, step)
    run.finish()


def handler_before() -> Handler:
    before = signal.getsignal(signal.SIGTERM)
    assert callable(before)
    return before


def chaining_handler() -> None:
    """It works, then calls what was there before it."""
    begin()
    before = handler_before()

    def handle(number: int, frame: FrameType | None) -> None:
        work()
        before(number, frame)

    signal.signal(signal.SIGTERM, handle)
    wait()


def chaining_first() -> None:
    """It calls what was there before it, then works."""
    begin()
    before = handler_before()

    def handle(number: int, frame: FrameType | None) -> None:
        before(number, frame)
        work()

    signal.signal(signal.SIGTERM, handle)
    wait()


def ignored() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    begin()
    listen()


def handled_by_c() -> None:
    """Of this handler Python knows nothing: it says where the program is, and lets it go on."""
    with Path(sys.argv[2]).open("w") as file:
        faulthandler.register(signal.SIGTERM, file, all_threads=False)
        begin()
        listen()


def elsewhere() -> None:
    """A run that does not begin on the main thread, where alone handlers are set."""
    thread = threading.Thread(target=begin)
    thread.start()
    thread.join()
    wait()


def sleep_on() -> None:
    time.sleep(LATE)


def forked_workers() -> None:
    """Workers are ended by SIGTERM, as a DataLoader's are; their parent goes on."""
    run = begin()
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=sleep_on) for _ in range(CHILDREN)]
    for worker in workers:
        worker.start()
        worker.terminate()  # At once: perhaps before it has come to anything.
    for worker in workers:
        worker.join()
        assert worker.exitcode == -signal.SIGTERM
    run.log({"loss": STEPS / 7}, STEPS)
    listen()
    assert run.state == "running"


def end(child: int) -> None:
    """Ends a child that says when it is ready."""
    sys.stdin.readline()
    os.kill(child, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM


def forked_with_handler() -> None:
    """A forked worker handles SIGTERM itself, and then calls what its parent had before."""
    run = begin()
    before = handler_before()

    def handle(number: int, frame: FrameType | None) -> None:
        before(number, frame)
        os._exit(9)

    signal.signal(signal.SIGTERM, handle)
    child = os.fork()
    if child == 0:
        wait()
    end(child)
    run.finish()


def forked_run() -> None:
    """A forked child with a run of its own is told to go away; its parent goes on."""
    run = begin()
    child = os.fork()
    if child == 0:
        os.environ["OTEL_TRACKIO_PROJECT"] = "child"
        own = otel_trackio.init()
        own.log({"loss": 1.0}, 1)
        wait()
    end(child)
    assert run.state == "running"
    run.finish()


def asyncio_plain() -> None:
    async def main() -> None:
        begin()
        say("ready")
        await asyncio.sleep(LATE)

    asyncio.run(main())


def asyncio_handler(first: bool) -> None:
    """An event loop that handles SIGTERM, and SIGUSR1 beside it."""

    async def main() -> None:
        told, used = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def handle() -> None:
            loop.add_signal_handler(signal.SIGUSR1, used.set)
            loop.add_signal_handler(signal.SIGTERM, told.set)

        if first:
            handle()
        run = begin()
        if not first:
            handle()
        say("ready")
        await used.wait()
        say("used")
        await told.wait()
        run.finish()

    asyncio.run(main())


def asyncio_before() -> None:
    asyncio_handler(True)


def asyncio_after() -> None:
    asyncio_handler(False)


def asyncio_over() -> None:
    """The loop that handled SIGTERM is over; the next run is on its own again."""

    async def main() -> None:
        begin()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, print)

    asyncio.run(main())
    otel_trackio.finish()
    begin()
    wait()


if __name__ == "__main__":
    globals()[sys.argv[1]]()

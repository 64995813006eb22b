"""Logs from two threads as fast as it can, with forked children alive, until it is killed.

Arguments: the tally's path, the number of calls after which it ends itself (0: never), and the
file descriptors of two pipes. The children live until the first one closes; the second is theirs,
so that it closes when the last of them is gone. A fifth one makes mapping the journal impossible.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import otel_trackio
from tests.e2e.tally import MAX_CALLS, THREADS, Tally, metrics_of, step_of


def log_on(run: otel_trackio.Run, tally: Tally, thread: int, last: int) -> None:
    for call in range(MAX_CALLS):
        metrics = metrics_of(thread, call)
        began = time.time_ns()
        run.log(metrics, step_of(thread, call))
        tally.note(thread, call, began, time.time_ns())
        if last and tally.total() >= last:
            os._exit(3)


def sleeper(pipe: int) -> None:
    """Lives on with all that it inherited, then ends as an ordinary interpreter does."""
    gc.collect()
    os.read(pipe, 1)
    gc.collect()


def hoarder(pipe: int, folder: Path) -> None:
    """Holds its parent's files open, then ends without any goodbye."""
    held = [path.open("rb") for path in folder.iterdir()]
    os.read(pipe, 1)
    os._exit(len(held) and 0)


@contextmanager
def unmappable() -> Iterator[None]:
    """Leaves too little address space to map a journal of 16 MiB, as some file systems do."""
    threading.stack_size(1 << 20)
    otel_trackio.configure()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + (14 << 20), limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)
    assert ".journal" not in Path("/proc/self/maps").read_text()


def main() -> None:
    tally, last, pipe = Tally(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
    with unmappable() if len(sys.argv) > 5 else nullcontext():
        run = otel_trackio.init("crash", config={"why": "to be killed"})
    folder = run.path
    assert folder is not None
    if os.fork() == 0:
        return sleeper(pipe)
    threads = [
        threading.Thread(target=log_on, args=(run, tally, thread, last))
        for thread in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    # These two are forked in the middle of whatever the threads are doing.
    if os.fork() == 0:
        return sleeper(pipe)
    if os.fork() == 0:
        return hoarder(pipe, folder)
    os.close(int(sys.argv[4]))
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()

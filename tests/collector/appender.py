"""A process that appends to a request log, to be killed, or to have its disk filled.

`python -m tests.collector.appender load PATH` prints a line for each request acknowledged: its
number and its seed. `... full PATH` prints one JSON object about a disk that was full for a while.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import sys
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from otel_trackio_collector.requestlog import Cursor, LogFull, RequestLog

THREADS: Final = 8
SIZE: Final = 20_000
PATIENCE: Final = 60.0


def body_of(seed: int, size: int | None = None) -> bytes:
    """Bytes that nothing packs, the same for the same seed; a few thousand of them by default."""
    made = random.Random(seed)
    return made.randbytes(made.randrange(SIZE) if size is None else size)


def load(path: Path) -> None:
    """Appends from several threads until it is killed, while an exporter reads and advances."""
    log = RequestLog(path)
    cursor = log.cursor("reader")
    log.cursor("dead")
    seeds = itertools.count(log.head() * 1_000_000)

    def append() -> None:
        while True:
            seed = next(seeds)
            number = log.append(body_of(seed), 1).result(PATIENCE)
            os.write(1, f"{number} {seed}\n".encode())

    for _ in range(THREADS):
        threading.Thread(target=append, daemon=True).start()
    while log.wait(cursor.position, PATIENCE):
        cursor.advance(cursor.read(1 << 20)[-1].number)


def full(path: Path) -> None:
    """Fills the disk, and frees it again, while requests come and an exporter sends them."""
    log = RequestLog(path)
    cursor = log.cursor("reader")
    seeds = itertools.count()
    before = fill_up(log, seeds)
    ballast = path.with_name("ballast")
    fill(ballast)
    refused = append(log, seeds)
    heads = [log.head()]
    drain(log, cursor)
    ballast.unlink()
    after = [wait_for_room(log, seeds) for _ in range(10)]
    drain(log, cursor)
    ends = {"position": cursor.position, "head": log.head(), "dropped": cursor.dropped}
    log.close()
    found = {"before": before, "refused": refused, "heads": heads, "after": after, **ends}
    sys.stdout.write(json.dumps(found))


def append(log: RequestLog, seeds: Any) -> str:
    """Appends one request: why it was refused, or nothing."""
    waiting: Future[int] = log.append(body_of(next(seeds), 100_000), 1)
    try:
        waiting.result(PATIENCE)
    except LogFull as error:
        return str(error)
    return ""


def fill_up(log: RequestLog, seeds: Any) -> int:
    """Appends until the log refuses; how many it took."""
    for taken in itertools.count():
        if append(log, seeds):
            return taken
    raise AssertionError


def wait_for_room(log: RequestLog, seeds: Any) -> int:
    """Appends until it is taken; the number it got."""
    while append(log, seeds):
        pass
    return log.head()


def drain(log: RequestLog, cursor: Cursor) -> None:
    while entries := cursor.read(1 << 20):
        cursor.advance(entries[-1].number)


def fill(ballast: Path) -> None:
    """Takes what is left of the disk, to the last byte."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


if __name__ == "__main__":
    {"load": load, "full": full}[sys.argv[1]](Path(sys.argv[2]))

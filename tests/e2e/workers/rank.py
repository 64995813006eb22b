"""One of several processes that record one run: starts, logs, and ends, each when it is told to.

Arguments: its number, and the file descriptors of two pipes, whose closing tells it to start, and
to log.
"""

from __future__ import annotations

import os
import sys

import otel_trackio
from tests.e2e.workers.family import log_as


def main() -> None:
    number, start, log = map(int, sys.argv[1:])
    print("ready", flush=True)  # noqa: T201 (the test waits for it)
    os.read(start, 1)
    with otel_trackio.init("family") as run:
        print("begun", flush=True)  # noqa: T201 (and for this)
        os.read(log, 1)
        log_as(number, run)


if __name__ == "__main__":
    main()

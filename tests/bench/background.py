"""What recording takes from the machine beside the training thread: processor time and memory.

As a program it is the loop that is measured: `python -m tests.bench.background SECONDS [FOLDER
[ENDPOINT]]` logs to FOLDER, and sends to ENDPOINT, or does the same without us, and prints one line
of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Final

import psutil

from tests.bench.table import Row

Log = Callable[[dict[str, float], int], None]

CALLS_A_SECOND: Final = 100
METRICS: Final = 10
WARM_UP: Final = 2.0
"""Seconds of logging before the measurement begins."""


def rows(quick: bool) -> list[Row]:
    seconds = 10 if quick else 20
    with tempfile.TemporaryDirectory() as dir:
        ours = measured(str(seconds), dir)
    plain = measured(str(seconds))
    rate = f"{CALLS_A_SECOND * METRICS:,} points/s"
    own = 100 * (ours["cpu"] - plain["cpu"])
    return [
        Row(f"{rate}: processor, the bare loop ({100 * plain['cpu']:.2f} %) taken off", own, "%"),
        Row(f"{rate}: growth of memory in {seconds} s", ours["growth"], "MiB"),
        Row("memory beyond that of the bare loop", ours["memory"] - plain["memory"], "MiB"),
    ]


def measured(*arguments: str) -> dict[str, float]:
    """What the program below prints."""
    command = (sys.executable, "-m", "tests.bench.background", *arguments)
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    found: dict[str, float] = json.loads(output)
    return found


def _loop(log: Log, first: float, seconds: float) -> None:
    """A training loop that computes nothing: it sleeps until the next step is due."""
    begin = time.perf_counter()
    for turn in range(int(seconds * CALLS_A_SECOND)):
        time.sleep(max(0.0, begin + turn / CALLS_A_SECOND - time.perf_counter()))
        step = int(first * CALLS_A_SECOND) + turn
        log({f"train/metric_{number}": step / 3 for number in range(METRICS)}, step)


def _dropped(metrics: dict[str, float], step: int) -> None:
    pass


def _recording(dir: str, endpoint: str) -> Log:
    import otel_trackio

    return otel_trackio.init("bench", dir=dir, otlp_endpoint=endpoint).log


def _main(seconds: str, dir: str = "", endpoint: str = "") -> None:
    process = psutil.Process()
    log = _recording(dir, endpoint) if dir else _dropped
    _loop(log, 0, WARM_UP)
    memory, cpu, begin = process.memory_info().rss, time.process_time(), time.perf_counter()
    _loop(log, WARM_UP, float(seconds))
    cpu, taken = time.process_time() - cpu, time.perf_counter() - begin
    after = process.memory_info().rss
    found = {"cpu": cpu / taken, "growth": (after - memory) / 2**20, "memory": after / 2**20}
    print(json.dumps(found))


if __name__ == "__main__":
    _main(*sys.argv[1:])

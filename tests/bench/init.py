"""What a program waits for before and after it trains: `init()` and `finish()`.

As a program it is one such wait: `python -m tests.bench.init FOLDER STEPS` prints milliseconds as
JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from tests.bench.data import Shape, store
from tests.bench.table import Row

METRICS: Final = 10
STEPS: Final = 1_000
BEFORE: Final = 50
"""Runs that a well used directory holds already."""


def rows(quick: bool) -> list[Row]:
    times = 3 if quick else 7
    with tempfile.TemporaryDirectory() as dir:
        found = _row_pair("empty directory", dir, times, steps=0)
        for number in range(BEFORE):
            store(Path(dir), f"run-{number:02}", Shape(METRICS, 300))
        found += _row_pair(f"{BEFORE} runs before", dir, times, steps=STEPS)
    return found


def _row_pair(what: str, dir: str, times: int, steps: int) -> list[Row]:
    command = (sys.executable, "-m", "tests.bench.init", dir, str(steps))
    outputs = [
        subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout for _ in range(times)
    ]
    waits = [json.loads(output) for output in outputs]
    points = f"{steps * METRICS:,} points to store"
    return [
        Row(f"init(), {what}", median(begin for begin, _ in waits), "ms"),
        Row(f"finish(), {what}, {points}", median(end for _, end in waits), "ms"),
    ]


def _main(dir: str, steps: str) -> None:
    import otel_trackio

    begin = time.perf_counter()
    run = otel_trackio.init("bench", dir=dir)
    begun = time.perf_counter() - begin
    for step in range(int(steps)):
        run.log({f"train/metric_{number}": step / 3 for number in range(METRICS)}, step)
    begin = time.perf_counter()
    run.finish()
    print(json.dumps([1e3 * begun, 1e3 * (time.perf_counter() - begin)]))


if __name__ == "__main__":
    _main(*sys.argv[1:])

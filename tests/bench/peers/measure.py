"""The training loop, run in a tool's own environment: only the standard library and the tool.

`python measure.py speed TOOL FOLDER CALLS METRICS SECONDS BUSY` prints one line of JSON,
`python measure.py abandon TOOL FOLDER CALLS METRICS` prints `logged` and waits to be killed,
`python measure.py count TOOL FOLDER` prints the number of steps found.
"""

from __future__ import annotations

import json
import math
import os
import random
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from threading import Event, Thread
from typing import Protocol


class Worker(Protocol):
    """What each module of `workers` does with its tool."""

    def start(self, directory: Path) -> None: ...

    def log(self, metrics: dict[str, float], step: int) -> None: ...

    def finish(self) -> None: ...

    def steps_in(self, directory: Path) -> int:
        """How many different steps of the only run can be read back, whatever became of it."""


def losses(calls: int, metrics: int) -> Iterator[dict[str, float]]:
    """Noisy decaying curves, the same for every tool."""
    noise = random.Random(0)
    keys = [f"metric/{number}" for number in range(metrics)]
    for step in range(calls):
        level = math.exp(-step / calls)
        yield {key: level + noise.gauss(0, 0.1) for key in keys}


def spin(stop: Event) -> None:
    """Hold the interpreter lock as a busy thread of a training job does."""
    while not stop.is_set():
        pass


def latencies(worker: Worker, calls: int, metrics: int, seconds: int) -> list[int]:
    """Nanoseconds of each `log()`, for all the calls or as many as fit into `seconds`."""
    taken: list[int] = []
    end = time.monotonic() + seconds
    for step, values in enumerate(losses(calls, metrics)):
        begin = time.perf_counter_ns()
        worker.log(values, step)
        taken.append(time.perf_counter_ns() - begin)
        if time.monotonic() > end:
            break
    return sorted(taken)


def speed(
    worker: Worker, folder: Path, calls: int, metrics: int, seconds: int, busy: int
) -> dict[str, float]:
    stop = Event()
    worker.start(folder)
    if busy:
        Thread(target=spin, args=(stop,), daemon=True).start()
    taken = latencies(worker, calls, metrics, seconds)
    stop.set()
    worker.finish()
    stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {
        "calls": len(taken),
        "p50": taken[len(taken) // 2] / 1e3,
        "p99": taken[len(taken) * 99 // 100] / 1e3,
        "bytes": stored / (len(taken) * metrics),
    }


def abandon(worker: Worker, folder: Path, calls: int, metrics: int) -> None:
    worker.start(folder)
    for step, values in enumerate(losses(calls, metrics)):
        worker.log(values, step)


def main(what: str, tool: str, folder: str, *numbers: str) -> None:
    answers = sys.stdout
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115  tools greet and take their leave there
    worker: Worker = import_module(f"workers.{tool}")
    arguments = [int(number) for number in numbers]
    match what:
        case "speed":
            print(json.dumps(speed(worker, Path(folder), *arguments)), file=answers)
        case "abandon":
            abandon(worker, Path(folder), *arguments)
            print("logged", file=answers, flush=True)
            time.sleep(60)
        case "count":
            print(worker.steps_in(Path(folder)), file=answers)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""What one `log()` costs the training thread, beside a call that only copies the dict."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

import otel_trackio
from otel_trackio.run import Run
from tests.bench.table import Row

Log = Callable[[dict[str, float], int], None]
Bounds = tuple[float | None, float | None, float | None]

SIZES = (1, 10, 100)
PROMISED = 10
P50, P99 = 5.0, 50.0
"""Microseconds that a call of PROMISED metrics may take, one call after the other."""

UNPROMISED: Bounds = (None, None, None)

CALLS = 4_000
"""Calls in a row: fewer than fill the journal."""

STEP_SECONDS = 0.002
"""How long a step of the calm loop computes between two calls."""


def rows(quick: bool) -> list[Row]:
    rounds = 2 if quick else 8
    with tempfile.TemporaryDirectory() as dir, otel_trackio.init("bench", dir=dir) as run:
        found = [row for size in SIZES for row in _measured(run, size, rounds, "idle")]
        with spinning():
            found += [row for size in SIZES for row in _measured(run, size, rounds, "busy")]
        return [*found, *_calm(run, 500 if quick else 4_000)]


def _measured(run: Run, size: int, rounds: int, condition: str) -> Iterator[Row]:
    """Both calls in turns, so that a machine that grows slower does so for both."""
    metrics = _metrics(size)
    ours: list[int] = []
    copied: list[int] = []
    for _ in range(rounds):
        copied += _taken(_copy_into([]), metrics, CALLS)
        ours += _taken(run.log, metrics, CALLS)
        run.flush()
    bounds = (P50, P99, None) if size == PROMISED else UNPROMISED
    return _percentiles(f"{size} metric{'s' * (size > 1)}, {condition}", bounds, ours, copied)


def _calm(run: Run, calls: int) -> Iterator[Row]:
    """A loop that computes between calls, with caches gone cold and the writer thread at work."""
    metrics = _metrics(PROMISED)
    ours = _taken(run.log, metrics, calls, STEP_SECONDS)
    copied = _taken(_copy_into([]), metrics, calls, STEP_SECONDS)
    what = f"{PROMISED} metrics, once in {1e3 * STEP_SECONDS:.0f} ms of other work"
    return _percentiles(what, UNPROMISED, ours, copied)


def _metrics(size: int) -> list[dict[str, float]]:
    noise = np.random.default_rng(0)
    return [
        {f"train/metric_{number}": noise.normal() for number in range(size)} for _ in range(200)
    ]


def _copy_into(kept: list[dict[str, float]]) -> Log:
    return lambda metrics, step: kept.append(dict(metrics))


def _taken(log: Log, metrics: list[dict[str, float]], calls: int, between: float = 0) -> list[int]:
    """Nanoseconds of each call."""
    taken = []
    for step in range(calls):
        chosen = metrics[step % len(metrics)]
        if between:
            _compute(between)
        begin = time.perf_counter_ns()
        log(chosen, step)
        taken.append(time.perf_counter_ns() - begin)
    return taken


def _compute(seconds: float) -> None:
    end = time.perf_counter() + seconds
    weights = np.ones(100_000)
    while time.perf_counter() < end:
        weights = np.tanh(weights)


def _percentiles(what: str, bounds: Bounds, ours: list[int], copied: list[int]) -> Iterator[Row]:
    own = np.percentile(ours, (50, 99, 99.9)) / 1e3
    plain = np.percentile(copied, (50, 99, 99.9)) / 1e3
    for name, mine, other, bound in zip(("p50", "p99", "p99.9"), own, plain, bounds, strict=True):
        yield Row(f"{what}: {name} (a dict copy: {other:.1f})", float(mine), "us", bound)


@contextmanager
def spinning() -> Iterator[None]:
    """A thread that holds the interpreter lock whenever it gets it."""
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            pass

    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()

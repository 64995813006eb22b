"""What a recorded trainer costs its training thread: a step's events, and a log."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

import otel_trackio
from tests.bench.table import Row

STEP_BOUND: Final = 200.0
"""Microseconds that the five events of a step may take together."""

LOG_BOUND: Final = 1000.0
"""Microseconds that a log of KEYS numbers may take."""

KEYS: Final = 24
LOG_EVERY: Final = 10
PAUSE: Final = 0.001
"""Seconds that a step computes, so that the writer thread works meanwhile, as it does for real."""


def rows(quick: bool) -> list[Row]:
    from transformers import TrainerControl, TrainerState, TrainingArguments

    with tempfile.TemporaryDirectory() as dir, otel_trackio.init("bench", dir=dir):
        args = TrainingArguments(output_dir=dir, report_to="none", use_cpu=True)
        state = TrainerState()
        state.stateful_callbacks = {}
        callback = otel_trackio.OtelTrackioCallback()
        callback.on_train_begin(args, state, TrainerControl())
        return _measured(callback, args, state, 500 if quick else 5_000)


def _measured(callback: Any, args: Any, state: Any, steps: int) -> list[Row]:
    noise = np.random.default_rng(0)
    stepped: list[int] = []
    logged: list[int] = []
    for number in range(steps):
        _compute()
        stepped.append(_taken(partial(_step, callback, args, state)))
        if number % LOG_EVERY == 0:
            logs = {f"metric_{place}": noise.normal() for place in range(KEYS - 1)}
            logs["num_tokens"] = 100.0 * number
            logged.append(_taken(partial(callback.on_log, args, state, None, logs=logs)))
    return [*_rows("a step", stepped, STEP_BOUND), *_rows(f"a log of {KEYS}", logged, LOG_BOUND)]


def _step(callback: Any, args: Any, state: Any) -> None:
    callback.on_step_begin(args, state, None)
    callback.on_pre_optimizer_step(args, state, None)
    callback.on_optimizer_step(args, state, None)
    state.global_step += 1
    callback.on_step_end(args, state, None)


def _taken(act: Callable[[], object]) -> int:
    begin = time.perf_counter_ns()
    act()
    return time.perf_counter_ns() - begin


def _compute() -> None:
    end = time.perf_counter() + PAUSE
    weights = np.ones(10_000)
    while time.perf_counter() < end:
        weights = np.tanh(weights)


def _rows(what: str, taken: list[int], bound: float) -> list[Row]:
    p50, p99 = np.percentile(taken, (50, 99)) / 1e3
    return [Row(f"{what}: p50", float(p50), "us", bound), Row(f"{what}: p99", float(p99), "us")]

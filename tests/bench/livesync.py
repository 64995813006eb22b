"""What a run that syncs itself costs the training thread: nothing, whatever its Hub does.

As a program it is the loop that is measured: `python -m tests.bench.livesync DIR SECONDS [REMOTE]`
prints one line of JSON, the nanoseconds of each `log()`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from otel_trackio.cadence import REMOTE
from tests.bench.table import Row
from tests.fakes.hub import Hub

ROOT: Final = Path(__file__).parents[2]
DATASET: Final = "hf://datasets/alice/metrics"
METRICS: Final = 10
STEP_SECONDS: Final = 0.002
"""How long a step computes between two calls of `log()`."""

WARM_UP: Final = 3.0
"""Seconds of logging before the measurement begins: the first sync imports what it needs."""

OFTEN: Final = replace(REMOTE, first=0.5, early=1.0, forward=1.0, urgent=1.0, longest=1.0)
"""Sixty times as often as a young run is synced, so that a bench of seconds sees it."""

HUBS: Final[dict[str, dict[str, Any]]] = {
    "no remote": {},
    "a Hub that answers": {"match": "/never"},
    "a Hub that refuses": {"match": "/api/", "status": 403, "times": None},
    "a Hub that hangs": {"match": "/api/", "action": "hang", "seconds": 3600, "times": None},
}
UNCHANGED: Final = 1.25
"""By what factor `log()` may take longer beside a sync each second."""


def rows(quick: bool) -> list[Row]:
    """All in turns, so that a machine that grows slower does so for all."""
    rounds, seconds = (2, 4.0) if quick else (3, 6.0)
    taken: dict[str, list[int]] = {name: [] for name in HUBS}
    starts: dict[str, list[float]] = {name: [] for name in HUBS}
    with tempfile.TemporaryDirectory() as dir, Hub("xet") as hub:
        for _ in range(rounds):
            for name, fault in HUBS.items():
                hub.restart()  # What hangs is let go.
                if fault:
                    hub.fault(**fault)
                begun, calls = _measured(hub, Path(dir), seconds, DATASET if fault else "")
                if name == "a Hub that answers" and len(hub.requests("/commit/")) < seconds / 2:
                    raise RuntimeError("nothing was synced meanwhile")
                starts[name].append(begun)
                taken[name] += calls
    return [*_rows(taken), *_beginnings(starts)]


def _measured(hub: Hub, dir: Path, seconds: float, remote: str) -> tuple[float, list[int]]:
    command = (sys.executable, "-m", "tests.bench.livesync", str(dir / "runs"), str(seconds))
    environ = {**os.environ, **hub.env(), "HF_XET_CACHE": str(dir / "xet")}
    output = subprocess.check_output(
        (*command, remote), env=environ, cwd=ROOT, stderr=subprocess.DEVNULL
    )
    begun, calls = json.loads(output)
    return begun, calls


def _rows(taken: dict[str, list[int]]) -> Iterator[Row]:
    plain = np.percentile(taken["no remote"], (50, 99))
    for name, calls in taken.items():
        own = np.percentile(calls, (50, 99))
        what = f"{METRICS} metrics, {name}"
        for percentile, mine in zip(("p50", "p99"), own, strict=True):
            yield Row(f"{what}: {percentile}", float(mine) / 1e3, "us")
        if name != "no remote":
            yield Row(f"{what}: p99 to that of no remote", float(own[1] / plain[1]), "x", UNCHANGED)


def _beginnings(starts: dict[str, list[float]]) -> Iterator[Row]:
    for name in ("no remote", "a Hub that answers"):
        yield Row(f"init(), {name}, imports included", 1e3 * min(starts[name]), "ms")


def _main(dir: str, seconds: str, remote: str = "") -> None:
    import otel_trackio
    from otel_trackio import opening

    vars(opening)["REMOTE"] = OFTEN
    begin = time.perf_counter()
    run = otel_trackio.init("bench", dir=dir, remote=remote or None)
    begun = time.perf_counter() - begin
    calls: list[int] = []
    weights, metrics = np.ones(100_000), dict.fromkeys(map("metric_{}".format, range(METRICS)), 0.5)
    end, step = begin + WARM_UP + float(seconds), 0
    while (now := time.perf_counter()) < end:
        while time.perf_counter() < now + STEP_SECONDS:
            weights = np.tanh(weights)
        before = time.perf_counter_ns()
        run.log(metrics, step)
        calls.append(time.perf_counter_ns() - before)
        if now < begin + WARM_UP:
            calls.clear()
        step += 1
    print(json.dumps([begun, calls]))
    run.finish(timeout=0.5)


if __name__ == "__main__":
    _main(*sys.argv[1:])

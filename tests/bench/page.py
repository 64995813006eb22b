"""The dashboard as its user meets it: the time to a chart, what it sends and holds, how live it is.

A browser of its own opens each page, with nothing in its cache. A chart counts as drawn when a
person could see its curves: see `drawn.js`.
"""

from __future__ import annotations

import gzip
import json
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.parse import quote
from urllib.request import Request, urlopen

import numpy as np

import otel_trackio
from tests.bench.data import Shape, store
from tests.bench.table import Row
from tests.bench.visit import Loaded, Visit, visit
from tests.space.browser.dashboard import Dashboard

PROJECT: Final = "bench"
RUNS: Final = 12
KEYS: Final = 20
STEPS: Final = 20_000

IDLE_SECONDS: Final = 10.0
ASKED: Final = 20
"""Times that the API is asked the same."""

LIVE_POINTS: Final = 30
LIVE_WITHIN: Final = 20.0

FIRST_CHART: Final = 3.0
ALL_CHARTS: Final = 3.5
SENT: Final = 1.5
HEAP: Final = 60.0
IDLE: Final = 2.0
TEN_TIMES: Final = 1.3
LIVE: Final = 2.0
API: Final = 300.0
STOPS: Final = 3.0

# Where there is very much, a page is usable if it opens before one gives up, and follows the hand.
MUCH_FIRST: Final = 6.0
MUCH_HEAP: Final = 200.0
FOLLOWS: Final = 500.0


def rows(quick: bool) -> list[Row]:
    rounds = 1 if quick else 3
    few, many = _loaded(STEPS // 10, rounds), _loaded(STEPS, rounds)
    found = [*_promised(many)]
    ratio = median(each.all for each in many) / median(each.all for each in few)
    found.append(Row("ten times the steps: all charts, to the same", ratio, "x", TEN_TIMES))
    found += _answers()
    found += _live(10 if quick else LIVE_POINTS)
    found += _much("100 runs x 100,000 steps", 100, Shape(2, 10_000 if quick else 100_000))
    found += _much("1,000 runs x 100 steps", 100 if quick else 1_000, Shape(10, 100))
    return found


@contextmanager
def served(runs: int, shape: Shape) -> Iterator[Dashboard]:
    """A dashboard on so many runs, whose every point is on disk."""
    with tempfile.TemporaryDirectory() as dir:
        for number in range(runs):
            store(Path(dir), f"run-{number:04}", shape)
        with Dashboard(Path(dir)) as dashboard:
            yield dashboard


def address(dashboard: Dashboard, **view: str) -> str:
    """Of the page with the charts of the project."""
    query = "&".join(f"{name}={quote(value)}" for name, value in view.items())
    return f"{dashboard.address}/?project={PROJECT}{query and '&'}{query}"


def _loaded(steps: int, rounds: int) -> list[Loaded]:
    found = []
    with served(RUNS, Shape(KEYS, steps)) as dashboard:
        for _ in range(rounds):
            with visit() as own:
                found.append(own.load(address(dashboard)))
    return found


def _promised(found: Sequence[Loaded]) -> Iterator[Row]:
    what = f"{RUNS} runs x {KEYS} metrics x {STEPS:,} steps"
    first, last = (median(getattr(each, name) for each in found) for name in ("first", "all"))
    charts = min(each.charts for each in found)
    yield Row(f"{what}: first chart", first, "s", FIRST_CHART)
    yield Row(f"all {charts} charts of the window", last, "s", ALL_CHARTS)
    yield Row("received until then", max(each.sent for each in found), "MB", SENT)
    yield Row("heap of JavaScript", max(each.heap for each in found), "MB", HEAP)


def _answers() -> Iterator[Row]:
    """The API alone, and what an open page costs while nothing happens."""
    shape = Shape(KEYS, STEPS)
    with served(RUNS, shape) as dashboard:
        question = {"project": PROJECT, "keys": shape.names, "points": 300}
        taken, size = [], 0
        for _ in range(ASKED):
            begin = time.perf_counter()
            size = len(posted(dashboard, "/api/series", question))
            taken.append(1e3 * (time.perf_counter() - begin))
        yield Row(f"{KEYS} charts by the API, p50", median(taken), "ms", API)
        yield Row(f"{KEYS} charts by the API, p95", float(np.percentile(taken, 95)), "ms")
        yield Row(f"{KEYS} charts by the API, compressed", size / 1e3, "kB")
        with visit() as own:
            own.load(address(dashboard))
            yield Row("an idle page receives", own.idle(IDLE_SECONDS), "kB/s", IDLE)
            begin = time.perf_counter()
            dashboard.stop()
            yield Row("the server stops with a page open", time.perf_counter() - begin, "s", STOPS)


def posted(dashboard: Dashboard, path: str, question: dict[str, Any]) -> bytes:
    """The body of an answer, as it is sent to a browser."""
    headers = {"content-type": "application/json", "accept-encoding": "gzip"}
    body = json.dumps(question).encode()
    with urlopen(Request(dashboard.address + path, body, headers)) as answer:
        content: bytes = answer.read()
    if answer.headers.get("content-encoding") == "gzip":
        gzip.decompress(content)
    return content


def _live(points: int) -> Iterator[Row]:
    """From before `log()` is called until the chart shows another picture."""
    noise = random.Random(0)
    with tempfile.TemporaryDirectory() as dir:
        run = otel_trackio.init(PROJECT, "live", dir=dir)
        for step in range(100):
            run.log({"loss": 1 + step % 2}, step)
        with Dashboard(Path(dir)) as dashboard, visit() as own:
            own.load(address(dashboard))
            late = sorted(_latency(own, run, 100 + each, noise) for each in range(points))
        run.finish()
    yield Row(f"log() to a redrawn chart, {points} times: p50", median(late), "s")
    yield Row("log() to a redrawn chart: p95", float(np.percentile(late, 95)), "s", LIVE)


def _latency(own: Visit, run: otel_trackio.Run, step: int, noise: random.Random) -> float:
    own.page.wait_for_timeout(1e3 * noise.uniform(0.3, 1.5))
    before, began = own.picture(), time.time()
    run.log({"loss": 1 + step % 2}, step)
    return own.changes(before, LIVE_WITHIN) - began


def _much(what: str, runs: int, shape: Shape) -> Iterator[Row]:
    """A project of very many runs or points: it opens, and it answers the hand."""
    with served(runs, shape) as dashboard, visit() as own:
        found = own.load(address(dashboard))
        yield Row(f"{what}: first chart", found.first, "s", MUCH_FIRST)
        yield Row(f"{what}: all {found.charts} charts of the window", found.all, "s")
        yield Row(f"{what}: received", found.sent, "MB")
        yield Row(f"{what}: heap of JavaScript", found.heap, "MB", MUCH_HEAP)
        yield Row(f"{what}: the longest that it does not answer", own.blocked(), "ms", FOLLOWS)

"""How long a chart waits for its data: histories and bucket queries, at every zoom."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from otel_trackio.api import Api
from otel_trackio.piece import Span
from otel_trackio.query import Axis
from otel_trackio.storedrun import StoredRun
from tests.bench.data import Shape, store
from tests.bench.table import Row

BOUND = 15.0
"""Milliseconds that the chart of a metric may take at any zoom, of half the queries."""

QUERIES = 30
ZOOMS = (1.0, 0.1, 0.01, 0.001)
AXES: tuple[Axis, ...] = ("step", "time")
SIZES = (10_000, 1_000_000, 10_000_000)


@dataclass(frozen=True, slots=True)
class Charts:
    """The runs that a page shows together."""

    runs: int
    shape: Shape
    loose: int = 0

    def __str__(self) -> str:
        live = f", the last {self.loose:,} not folded" if self.loose else ""
        return f"{self.runs} runs x {self.shape.steps:,} steps{live}"

    @property
    def ids(self) -> list[str]:
        return [f"run-{number:02}" for number in range(self.runs)]


PROMISED = (Charts(12, Shape(20, 20_000)), Charts(3, Shape(1, 1_000_000)))
LIVE = Charts(12, Shape(10, 20_000), loose=5_000)


def rows(quick: bool) -> list[Row]:
    found: list[Row] = []
    for charts in PROMISED:
        with stored(charts) as dir:
            found += _promised(charts, Path(dir))
    with stored(LIVE) as dir:
        found += _at_every_zoom(LIVE, Path(dir), "step")
        found.append(_opened_anew(LIVE, Path(dir), LIVE.shape.names[:1]))
    for size in SIZES[: 2 if quick else 3]:
        with stored(Charts(1, Shape(1, size))) as dir:
            found += _sized(size, Path(dir))
    return found


def stored(charts: Charts) -> tempfile.TemporaryDirectory[str]:
    """A directory that holds the runs."""
    dir = tempfile.TemporaryDirectory()
    for run_id in charts.ids:
        store(Path(dir.name), run_id, charts.shape, charts.loose)
    return dir


def _open(charts: Charts, dir: Path) -> tuple[Api, list[StoredRun]]:
    api = Api(dir)
    return api, [api.run(run_id) for run_id in charts.ids]


def _promised(charts: Charts, dir: Path) -> Iterator[Row]:
    names = charts.shape.names
    for axis in AXES:
        yield from _at_every_zoom(charts, dir, axis)
    yield _opened_anew(charts, dir, names[:1])
    api, runs = _open(charts, dir)
    if len(names) > 1:
        yield Row(f"{charts}, {len(names)} keys", _ms([lambda: api.query(runs, names)]), "ms")
        yield _opened_anew(charts, dir, names)
    yield Row(f"{charts}: runs()", _ms([api.runs]), "ms")
    yield Row(f"{charts}: metrics() of a run", _ms([runs[0].metrics]), "ms")


def _at_every_zoom(charts: Charts, dir: Path, axis: Axis) -> Iterator[Row]:
    """An open page whose user looks at one place after the other."""
    key = charts.shape.names[0]
    for zoom in ZOOMS:
        api, runs = _open(charts, dir)
        spans = _spans(api, runs, key, axis, zoom)
        took = _ms([partial(api.query, runs, [key], axis, span) for span in spans])
        yield Row(f"{charts}, {zoom:.1%} by {axis}", took, "ms", BOUND)


def _opened_anew(charts: Charts, dir: Path, keys: Sequence[str]) -> Row:
    def ask() -> None:
        api, runs = _open(charts, dir)
        api.query(runs, keys)
        for run in runs:
            run.close()

    what = f"{charts}, {len(keys)} key{'s' * (len(keys) > 1)}, opened anew"
    return Row(what, _ms([ask]), "ms")


def _sized(size: int, dir: Path) -> Iterator[Row]:
    charts = Charts(1, Shape(1, size))
    key = charts.shape.names[0]
    what = f"{size:,} points"
    api, runs = _open(charts, dir)
    (run,) = runs
    times = 5 if size > SIZES[0] else QUERIES
    yield Row(f"{what}: history()", _ms([lambda: run.history(key)], times), "ms")
    thin = _ms([lambda: run.history(key, max_points=1000)], times)
    yield Row(f"{what}: history(max_points=1000)", thin, "ms")
    for axis in AXES:
        for zoom in ZOOMS[::2]:
            spans = _spans(api, runs, key, axis, zoom)
            took = _ms([partial(api.query, runs, [key], axis, span) for span in spans])
            yield Row(f"{what}: query, {zoom:.1%} by {axis}", took, "ms")


def _spans(api: Api, runs: Sequence[StoredRun], key: str, axis: Axis, zoom: float) -> list[Span]:
    """Equal parts of the metric's extent, from its begin to its end."""
    buckets = api.query(runs[:1], [key], axis)[0].buckets
    lo = int(buckets.index[0]) * buckets.width
    hi = int(buckets.index[-1] + 1) * buckets.width
    length = int((hi - lo) * zoom)
    room = hi - lo - length
    starts = [lo + room * place // QUERIES for place in range(QUERIES + 1)]
    return [(start, start + length) for start in starts]


def _ms(calls: Sequence[Callable[[], object]], times: int = QUERIES) -> float:
    """Milliseconds, the median of the calls in turn, after a first one that is not counted."""
    taken = []
    for turn in range(times + 1):
        begin = time.perf_counter()
        calls[turn % len(calls)]()
        taken.append(time.perf_counter() - begin)
    return 1e3 * median(taken[1:])

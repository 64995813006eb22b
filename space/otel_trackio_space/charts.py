"""Curves for charts: what a question for series is answered with."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np

from otel_trackio import rollup
from otel_trackio.diagnostics import logger
from otel_trackio.errors import ConfigError, StoreError
from otel_trackio.piece import bucketed, pieces_of, whole
from otel_trackio.rollup import Buckets
from otel_trackio.source import Found, series_by_key
from otel_trackio_space import along
from otel_trackio_space.answers import MAX_CURVES, MAX_POINTS, Along, Series
from otel_trackio_space.curve import Curve, columns
from otel_trackio_space.entry import Entry
from otel_trackio_space.shelf import Shelf
from otel_trackio_space.window import Axis, Line, Window, window

CROWDED: Final = 2
"""A curve of points, not buckets, may have this many times as many as were asked for."""

MS_DECIMALS: Final = 3
"""Decimal places of times in ms."""

MAX_ALONG: Final = 200_000
"""Buckets of the metric on the x axis that are read beyond what is shown, to interpolate it."""


OVERHEAD: Final = 256
"""What keeping buckets takes beside their numbers, in such numbers: there may be none in them."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A metric of one rank of a run, in a window."""

    entry: Entry
    key: str
    rank: int
    window: Window

    @property
    def identity(self) -> Hashable:
        """What its buckets depend on."""
        return self.entry.id, self.entry.version, self.key, self.rank, self.window


@dataclass(frozen=True, slots=True)
class Chart:
    """A metric, and whose curves it shows; without a window there are none."""

    key: str
    axis: Axis
    window: Window | None
    traces: tuple[Trace, ...] = ()


Bounds: TypeAlias = tuple[float | None, float | None]
Read: TypeAlias = dict[Trace, Buckets]


def charts(shelf: Shelf, entries: Sequence[Entry], asked: Series) -> dict[str, Any]:
    """Charts by key, as the API has them. Raises ConfigError for a question without an answer."""
    bounds = asked.lo, asked.hi
    if isinstance(asked.x, Along) and bounds != (None, None):
        bounds = _steps_within(shelf, entries, asked, asked.x.metric)
    sketched = [_sketch(key, entries, asked, bounds) for key in dict.fromkeys(asked.keys)]
    traces = [trace for chart in sketched for trace in chart.traces]
    if len(traces) > MAX_CURVES:
        message = f"{len(traces):,} curves are more than {MAX_CURVES:,}"
        raise ConfigError(message, "ask for fewer runs or metrics")
    beside: dict[Trace, Trace] = {}
    if isinstance(asked.x, Along):
        metric = asked.x.metric
        beside = {each: other for each in traces if (other := _beside(each, metric)) is not None}
    read = _read(shelf, [*traces, *beside.values()])
    return {each.key: _drawn(each, read, beside, asked) for each in sketched}


def _sketch(key: str, entries: Sequence[Entry], asked: Series, bounds: Bounds) -> Chart:
    """Which curves of a metric are to be read, in which buckets."""
    chosen = [(entry, rank) for entry in entries for rank in _ranks(entry, key, asked.rank)]
    lines = [_line(entry, key, rank) for entry, rank in chosen]
    axis: Axis = asked.x if isinstance(asked.x, str) else "step"
    if axis == "step" and not any(line.extent.steps for line in lines):
        axis, bounds = "relative", (None, None)  # They were steps.
    shown = window(lines, axis, bounds, asked.points, asked.width)
    if shown is None:
        return Chart(key, axis, None)
    return Chart(key, axis, shown, tuple(Trace(entry, key, rank, shown) for entry, rank in chosen))


def _ranks(entry: Entry, key: str, asked: int | str | None) -> list[int]:
    metric = entry.metrics.get(key)
    if metric is None or metric.kind == "histogram":
        return []
    if asked is None:
        return [min(metric.ranks)]
    return [rank for rank in metric.ranks if asked in ("all", rank)]


def _line(entry: Entry, key: str, rank: int) -> Line:
    return Line(entry.metrics[key].ranks[rank], entry.standing.started)


def _beside(trace: Trace, metric: str) -> Trace | None:
    """The metric on the x axis, of the same rank if it has that."""
    ranks = _ranks(trace.entry, metric, "all")
    if not ranks or trace.window.axis != "step":
        return None
    rank = trace.rank if trace.rank in ranks else ranks[0]
    steps, shown = _line(trace.entry, metric, rank).extent.steps, trace.window
    if steps is None:
        return None
    if (steps[1] - steps[0]) // shown.width < MAX_ALONG:
        shown = replace(shown, span=steps)
    return Trace(trace.entry, metric, rank, shown)


def _steps_within(shelf: Shelf, entries: Sequence[Entry], asked: Series, metric: str) -> Bounds:
    """The steps at which the metric on the x axis may be within the bounds asked for."""
    whole_of = asked.model_copy(update={"x": "step", "points": MAX_POINTS, "width": None})
    chart = _sketch(metric, entries, whole_of, (None, None))
    read = _read(shelf, chart.traces) if chart.axis == "step" else {}
    found = whole(along.steps_within(each, asked.lo, asked.hi) for each in read.values())
    return found or (math.inf, -math.inf)


def _read(shelf: Shelf, traces: Iterable[Trace]) -> Read:
    """The buckets of all traces, run by run: no more than one is held at a time."""
    by_run: dict[str, list[Trace]] = {}
    for trace in traces:
        by_run.setdefault(trace.entry.id, []).append(trace)
    found: Read = {}
    for own in by_run.values():
        before = {each: shelf.buckets.get(each.identity) for each in own}
        found |= {each: buckets for each, buckets in before.items() if buckets is not None}
        if missing := [each for each in own if each not in found]:
            found |= _read_run(shelf, missing)
    return found


def _read_run(shelf: Shelf, traces: Sequence[Trace]) -> Read:
    """The buckets of traces of one run."""
    try:
        with shelf.sources(traces[0].entry) as sources:
            known = series_by_key(sources)
            found = {trace: _buckets(known.get(trace.key, ()), trace) for trace in traces}
    except StoreError as error:
        logger.warning("%s", error)  # It was deleted meanwhile, or damaged.
        return {}
    for trace, buckets in found.items():
        shelf.buckets.put(trace.identity, buckets, rollup.numbers(buckets) + OVERHEAD)
    return found


def _buckets(found: Sequence[Found], trace: Trace) -> Buckets:
    span, _ = trace.window.of_run(trace.entry.standing.started)
    axis = "step" if trace.window.axis == "step" else "time"
    pieces = pieces_of([each for each in found if each.series.rank == trace.rank])
    return bucketed(pieces, axis, trace.window.width, span)


def _drawn(chart: Chart, read: Read, beside: dict[Trace, Trace], asked: Series) -> dict[str, Any]:
    shown = chart.window
    if shown is None:
        return {"x": _axis(chart, asked), "width": 1, "curves": []}
    found = {trace: read[trace] for trace in chart.traces if trace in read}
    most = max(map(len, found.values()), default=0)
    if shown.width == 1 and asked.width is None and most > CROWDED * asked.points:
        shown = replace(shown, width=rollup.width_for(*shown.span, asked.points))
    curves = []
    for trace, buckets in found.items():
        _, ahead = shown.of_run(trace.entry.standing.started)
        buckets = rollup.coarsen(buckets, shown.width)
        x = (buckets.index - ahead) * shown.shown_width
        if chart.axis != "step":
            x = np.round(x, MS_DECIMALS)
        curve = Curve(trace.entry.id, trace.rank, x, buckets)
        if isinstance(asked.x, Along) and chart.axis == "step":
            other = read.get(beside[trace]) if trace in beside else None
            if other is None:
                continue
            curve = along.placed(curve, rollup.coarsen(other, shown.width))
        if len(curve.buckets):
            curves.append(curve)
    return {"x": _axis(chart, asked), "width": shown.shown_width, "curves": columns(curves)}


def _axis(chart: Chart, asked: Series) -> Any:
    if chart.axis == "step" and isinstance(asked.x, Along):
        return asked.x.model_dump()
    return chart.axis

"""Whatever was recorded, and however it is dealt out over requests, OTLP carries it exactly."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from otel_trackio.chunk import column_of
from otel_trackio.model import NO_STEP, Columns, Histogram, Kind, Points, Series, Temporality
from otel_trackio.otlp import Encoder
from otel_trackio.semconv import LOG_SCOPE, SYSTEM_SCOPE
from otel_trackio.stretch import Stretch
from otel_trackio_collector.decode import Decoder
from otel_trackio_collector.logfile import Entry
from otel_trackio_collector.measurement import NUMBER, START, STEP, TIME, VALUE

BEGAN = 1_790_000_000_000_000_000
RESOURCE = {"otel_trackio.run.id": "run", "otel_trackio.writer.id": "w", "otel_trackio.rank": 3}
STEPS = st.none() | st.integers(-(2**63) + 1, 2**63 - 1)
TIMES = st.integers(1, 2**63 - 1)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
MEASURED = st.floats(allow_nan=False, allow_infinity=False)
ATTRIBUTES = st.dictionaries(
    st.text(max_size=5).filter(lambda key: key not in ("training.step", "otel_trackio.key")),
    st.text(max_size=5) | st.booleans() | INTEGERS | MEASURED
    | st.lists(st.text(max_size=3), max_size=2),
    max_size=2,
)  # fmt: skip
KEYS = st.sampled_from(["train/loss", "eval/loss", "loss", "x.y", "x/y", "rewards/ a/mean", "é"])


INSTRUMENTS: list[tuple[Kind, Temporality]] = [
    ("gauge", ""),
    ("counter", "delta"),
    ("counter", "cumulative"),
    ("up_down_counter", "delta"),
    ("up_down_counter", "cumulative"),
]


@st.composite
def series(draw: st.DrawFn) -> Series:
    scope = draw(st.sampled_from([LOG_SCOPE, SYSTEM_SCOPE, "user"]))
    if scope != "user":
        return Series(draw(KEYS), scope=scope, rank=3)
    kind, temporality = draw(st.sampled_from(INSTRUMENTS))
    attributes = json.dumps(draw(ATTRIBUTES), sort_keys=True)
    return Series(
        draw(KEYS), kind, temporality, unit=draw(st.sampled_from(["", "s"])), scope=scope,
        scope_version=draw(st.sampled_from(["", "1"])), attributes=attributes, rank=3,
    )  # fmt: skip


@st.composite
def stretches(draw: st.DrawFn) -> Stretch:
    """Up to five series, whose points have the numbers from 1 on in any order among them."""
    found = draw(st.lists(series(), min_size=1, max_size=5, unique_by=lambda e: (e.key, e.scope)))
    owners = draw(st.lists(st.integers(0, len(found) - 1), min_size=1, max_size=40))
    points = []
    for place, each in enumerate(found):
        numbers = [number for number, owner in enumerate(owners, 1) if owner == place]
        values = draw(_values(each, len(numbers)))
        steps = draw(st.lists(STEPS, min_size=len(numbers), max_size=len(numbers)))
        times = draw(st.lists(TIMES, min_size=len(numbers), max_size=len(numbers)))
        stored = np.array([NO_STEP if step is None else step for step in steps], np.int64)
        columns = Points(stored, np.array(times, np.int64), column_of(values))
        if numbers:
            points.append((each, Columns(place, np.array(numbers, np.int64), columns)))
    return Stretch(1, len(owners), tuple(points))


def _values(of: Series, count: int) -> Any:
    # Sums of larger integers than these may not fit into OTLP.
    small = st.integers(-(2**40), 2**40)
    kinds = st.sampled_from([st.floats(), INTEGERS, st.floats() | INTEGERS])
    sums = st.sampled_from([st.floats(-1e9, 1e9), small, st.floats(-1e9, 1e9) | small])
    chosen = sums if of.increments else kinds
    return chosen.flatmap(lambda values: st.lists(values, min_size=count, max_size=count))


def requests(stretch: Stretch, most: int) -> Iterator[bytes]:
    totals: Any = {}
    encoder = Encoder(RESOURCE, BEGAN)
    for piece in stretch.pieces(most):
        request = encoder.encode(piece, totals)
        totals = request.totals
        assert request.points == len(piece) <= most
        yield request.body


def received(bodies: Sequence[bytes], complete: bool) -> dict[tuple[str, str, str], list[Any]]:
    """Step, time, number and value of each point, by series, as a collector reads them."""
    found: dict[tuple[str, str, str], list[Any]] = {}
    entries = [Entry(number, 1, body, 0) for number, body in enumerate(bodies, 1)]
    decoded = Decoder(complete).decode(entries)
    assert not decoded.odd
    for stream in decoded.streams:
        assert stream.resource.sender.run_id == "run"
        of = stream.series.key, stream.series.scope, stream.series.attributes
        rows = [(row[STEP], row[TIME], row[NUMBER], exact(row[VALUE])) for row in stream.rows]
        found.setdefault(of, []).extend(rows)
    return found


def exact(value: Any) -> str:
    """As text: NaN is like itself, and unlike 0.0 is -0.0, and an integer."""
    return repr(value)


def recorded(stretch: Stretch) -> dict[tuple[str, str, str], list[Any]]:
    """What should be received: of increments the running total."""
    found = {}
    for of, columns in stretch.points:
        total, rows = 0, []
        for place, value in enumerate(columns.points.value.tolist()):
            total = total + value if of.increments else value
            at = columns.points.step[place], columns.points.time[place], columns.seq[place]
            rows.append((*map(int, at), exact(total)))
        found[of.key, of.scope, of.attributes] = rows
    return found


@pytest.mark.parametrize("complete", [False, True])
@given(stretch=stretches(), most=st.integers(1, 50))
def test_a_collector_receives_what_was_recorded(
    stretch: Stretch, most: int, complete: bool
) -> None:
    """Steps, times, numbers and values, in order; counters as running totals; and its quick way
    of reading finds what the protobuf library finds."""
    assert received(list(requests(stretch, most)), complete) == recorded(stretch)


@given(stretch=stretches(), most=st.integers(1, 50))
def test_each_point_has_one_exemplar_with_what_was_recorded(stretch: Stretch, most: int) -> None:
    """By any reader of OTLP: its time, its number, its step if it has one, and the value itself."""
    expected = {
        int(number): (int(step), int(time), exact(value))
        for _, columns in stretch.points
        for number, step, time, value in zip(
            columns.seq,
            columns.points.step,
            columns.points.time,
            columns.points.value.tolist(),
            strict=True,
        )
    }
    found = {}
    for body in requests(stretch, most):
        [of_resource] = ExportMetricsServiceRequest.FromString(body).resource_metrics
        for metric in (m for scope in of_resource.scope_metrics for m in scope.metrics):
            for point in (*metric.gauge.data_points, *metric.sum.data_points):
                [exemplar] = point.exemplars
                told = {each.key: each.value.int_value for each in exemplar.filtered_attributes}
                value = getattr(exemplar, exemplar.WhichOneof("value") or "")
                step = told.get("training.step", NO_STEP)
                found[told["otel_trackio.seq"]] = step, exemplar.time_unix_nano, exact(value)
                assert point.time_unix_nano == exemplar.time_unix_nano
                assert point.start_time_unix_nano <= point.time_unix_nano
    assert found == expected


@given(stretch=stretches(), most=st.integers(1, 50))
def test_halves_hold_what_the_whole_does(stretch: Stretch, most: int) -> None:
    """However a refused request is taken apart, no number is missing and none comes twice."""

    def numbers(part: Stretch) -> list[int]:
        return sorted(int(number) for _, columns in part.points for number in columns.seq)

    for piece in stretch.pieces(most):
        parts = [piece]
        while any(len(part) > 1 for part in parts):
            parts = [h for part in parts for h in (part.halves() if len(part) > 1 else (part,))]
        assert [number for part in parts for number in numbers(part)] == numbers(piece)
        assert parts[0].first == piece.first
        assert parts[-1].last == piece.last
        for one, other in itertools.pairwise(parts):
            assert one.last + 1 == other.first


BUCKETS = st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=5)


@st.composite
def aggregates(draw: st.DrawFn) -> dict[str, Any]:
    counts = draw(BUCKETS)
    data = {"count": draw(st.integers(1, 2**63)), "sum": draw(MEASURED)}
    data |= {"min": draw(MEASURED), "max": draw(MEASURED)}
    if draw(st.booleans()):
        bounds = draw(st.lists(MEASURED, min_size=len(counts) - 1, max_size=len(counts) - 1))
        return {**data, "bounds": bounds, "counts": counts}
    side = {"offset": draw(st.integers(-1000, 1000)), "counts": counts}
    scale = {"scale": draw(st.integers(-10, 20)), "zero_count": draw(st.integers(0, 9))}
    return {**data, **scale, "positive": side, "negative": side}


@given(data=aggregates(), step=STEPS, time=TIMES, key=KEYS, logged=st.booleans())
def test_a_histogram_arrives_as_it_was(
    data: dict[str, Any], step: int | None, time: int, key: str, logged: bool
) -> None:
    """Its buckets, its extremes, its step, its interval and its number."""
    of = Series(key, "histogram", "" if logged else "delta", scope=LOG_SCOPE if logged else "user")
    histogram = Histogram(NO_STEP if step is None else step, time, time // 2, data)
    stretch = Stretch(1, 9, histograms=((7, of, histogram),))
    [stream] = Decoder().decode([Entry(1, 1, *_body(stretch))]).streams
    [row] = stream.rows
    assert (stream.series.key, stream.series.kind) == (key, "histogram")
    assert (row[STEP], row[TIME], row[START], row[NUMBER]) == (
        histogram.step,
        time,
        time // 2,
        7,
    )
    assert row[VALUE] == data


def _body(stretch: Stretch) -> tuple[bytes, int]:
    request = Encoder(RESOURCE, BEGAN).encode(stretch, {})
    return request.body, request.points


@pytest.mark.parametrize(("value", "nearest"), [(2**63, 2.0**63), (10**400, math.inf)])
def test_an_integer_that_otlp_cannot_hold(value: int, nearest: float) -> None:
    """It goes as the nearest float, as everywhere where there is no room for it."""
    points = Points(np.array([1]), np.array([2]), column_of([value]))
    stretch = Stretch(1, 1, ((Series("x", scope=LOG_SCOPE), Columns(1, np.array([1]), points)),))
    [row] = Decoder().decode([Entry(1, 1, *_body(stretch))]).streams[0].rows
    assert row[VALUE] == nearest

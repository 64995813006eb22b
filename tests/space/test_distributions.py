"""Distributions by the HTTP API: right numbers, in pictures of bounded size."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import Histogram as Instrument
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import (
    Aggregation,
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    View,
)

import otel_trackio
from otel_trackio import Histogram
from otel_trackio.model import NO_STEP
from otel_trackio.model import Histogram as Stored
from otel_trackio_space import answers, distributions
from otel_trackio_space.aggregate import aggregate_of
from otel_trackio_space.heatmap import MAX_COLUMNS, MAX_ROWS, Sample, heatmap
from tests.space.aggregates import (
    BEGAN,
    KEY,
    SECOND,
    explicit,
    exponential,
    held,
    shared,
    stored,
    totals,
)
from tests.space.asking import Asking
from tests.space.browser.shelf import HOSTILE
from tests.space.serving import failure

MOST_BYTES: Final = 100_000
"""Of the largest answer, before it is compressed."""


def told(asking: Asking, run_id: str, key: str = KEY) -> dict[str, Any]:
    """The picture of a metric, which is as the API's document has it, and bounded."""
    found: dict[str, Any] = asking.get(f"/api/runs/{run_id}/distributions", key=key)
    answers.Distribution.model_validate(found)
    rows, columns = len(found["edges"]) - 1, len(found["x"])
    assert columns <= MAX_COLUMNS
    assert 1 <= rows <= MAX_ROWS
    assert [len(each) for each in found["cells"]] == [rows] * columns
    for name in ("count", "mean", "min", "max", "nonfinite"):
        assert len(found[name]) == columns
    return found


def test_what_was_logged_is_told_by_step(asking: Asking) -> None:
    """A column a step, with its numbers; a row holds what of each bucket lies in it."""
    noise = np.random.default_rng(1)
    values = [noise.normal(step, 1 + step, 500) for step in range(7)]
    with otel_trackio.init("logged") as run:
        for step, each in enumerate(values):
            run.log({"weights": Histogram(each)}, step * 10)
    found = told(asking, run.id, "weights")
    assert (found["axis"], found["width"], found["even"]) == ("step", 1, True)
    assert found["x"] == [step * 10 for step in range(7)]
    assert found["count"] == [500] * 7
    for name, of in (("mean", np.mean), ("min", np.min), ("max", np.max)):
        assert found[name] == pytest.approx([float(of(each)) for each in values])
    for cells, each in zip(found["cells"], values, strict=True):
        assert cells == pytest.approx(
            shared(found["edges"], Histogram(each).data), rel=1e-2, abs=1e-2
        )


def test_buckets_of_instruments_are_told_as_they_are(asking: Asking) -> None:
    """Over time, as they have no steps: the rows are the buckets, and hold their counts."""
    bounds = [0.0, 1.0, 2.0, 5.0, 10.0, 100.0]
    values = np.random.default_rng(2).lognormal(1, 1.5, 2_000)
    run_id = measured(ExplicitBucketHistogramAggregation(bounds), values)
    found = told(asking, run_id, "work")
    assert (found["axis"], found["even"]) == ("time", False)
    assert found["edges"][:-1] == bounds
    assert found["edges"][-1] is None
    assert found["cells"] == [held(found["edges"], values.tolist())]
    assert found["mean"] == pytest.approx([values.mean()])
    assert (found["min"], found["max"]) == ([values.min()], [values.max()])


@pytest.mark.parametrize("most", [160, 20])
def test_exponential_histograms_are_told_exactly(asking: Asking, most: int) -> None:
    """Zero among them: the rows are such that each bucket lies in one of them."""
    noise = np.random.default_rng(3)
    values = np.concatenate([noise.lognormal(0, 2, 800), [0.0] * 50])
    run_id = measured(ExponentialBucketHistogramAggregation(most), values)
    found = told(asking, run_id, "work")
    assert len(found["edges"]) - 1 > 4
    assert found["cells"] == [held(found["edges"], values.tolist())]


def measured(aggregation: Aggregation, values: np.ndarray[Any, Any]) -> str:
    """A run that the stock SDK recorded; its id."""
    with otel_trackio.init("sdk") as run:
        reader = PeriodicExportingMetricReader(otel_trackio.OtelTrackioExporter(), math.inf)
        view = View(instrument_type=Instrument, aggregation=aggregation)
        provider = MeterProvider([reader], views=[view])
        work = provider.get_meter("test").create_histogram("work")
        for each in values.tolist():
            work.record(each)
        provider.force_flush()
        provider.shutdown()
    return run.id


def test_of_totals_what_was_measured_is_told(asking: Asking) -> None:
    """Each column is the difference to the one before, until the sender begins anew."""
    counts = [[1, 2, 0], [1, 5, 1], [1, 5, 1], [2, 1, 0], [4, 1, 0]]
    aggregates = totals([explicit([10, 20], each, sum=sum(each) * 10.0) for each in counts])
    aggregates[4] = replace(aggregates[4], start=BEGAN + 4 * SECOND)
    found = told(asking, stored(asking.shelf.api.dir, aggregates))
    assert found["cells"] == [[1, 2, 0], [0, 3, 1], [0, 0, 0], [2, 1, 0], [4, 1, 0]]
    assert found["count"] == [3, 4, 0, 3, 5]
    assert found["mean"] == [10, 10, None, 10, 10]
    assert found["edges"] == [None, 10, 20, None]


def test_of_exponential_totals_too(asking: Asking) -> None:
    """Also where the later one is coarser, as it has more to hold."""
    aggregates = totals(
        [
            exponential(1, 1, positive=(0, [1, 2, 3])),
            exponential(0, 2, positive=(0, [4, 3, 0, 5])),
            exponential(0, 2, positive=(0, [4, 4, 0, 5]), negative=(2, [7])),
        ]
    )
    found = told(asking, stored(asking.shelf.api.dir, aggregates))
    assert found["edges"] == [-8, -4, 1, 2, 4, 8, 16]
    assert found["cells"] == [[0, 1, 3, 3, 0, 0], [0, 1, 1, 0, 0, 5], [7, 0, 0, 1, 0, 0]]


def test_the_least_of_totals_may_be_of_earlier(asking: Asking) -> None:
    """It is told where it has changed, as then it is of these; else nobody knows."""
    extremes = [(1.0, 5.0), (1.0, 9.0), (0.5, 9.0)]
    aggregates = totals(
        [explicit([2], [n + 1, n + 1], min=a, max=b) for n, (a, b) in enumerate(extremes)]
    )
    found = told(asking, stored(asking.shelf.api.dir, aggregates))
    assert found["min"] == [1, None, 0.5]
    assert found["max"] == [5, 9, None]


def test_one_bucket_lies_where_its_values_do(asking: Asking) -> None:
    """Between least and greatest, or at their mean; where nobody knows, only the count is told."""
    told_of: tuple[dict[str, float], ...] = ({"min": 2.0, "max": 4.0}, {"sum": 30.0}, {})
    aggregates = totals([explicit([], [10], **each) for each in told_of])
    found = told(asking, stored(asking.shelf.api.dir, aggregates, "delta"))
    assert (found["edges"][0], found["edges"][-1]) == (2, 4)
    assert [round(sum(each), 1) for each in found["cells"]] == [10, 10, 0]
    assert np.count_nonzero(found["cells"][0]) == MAX_ROWS
    assert np.count_nonzero(found["cells"][1]) == 1
    assert found["count"] == [10, 10, 10]


def test_what_is_no_number_is_counted_apart(asking: Asking) -> None:
    """NaN and infinities, nothing at all, and one value."""
    with otel_trackio.init("odd") as run:
        for step, each in enumerate(([math.nan, 1.0, math.inf], [], [math.nan], [3.0, 3.0])):
            run.log({"odd": Histogram(each), "same": Histogram([7.0] * 9)}, step)
        run.log({"nothing": Histogram([])}, 0)
    found = told(asking, run.id, "odd")
    assert found["count"] == [1, 0, 0, 2]
    assert found["nonfinite"] == [2, 0, 1, 0]
    assert found["mean"] == [1, None, None, 3]
    assert [sum(each) for each in found["cells"]] == [1, 0, 0, 2]
    same = told(asking, run.id, "same")
    assert [each[len(each) // 2] for each in same["cells"]] == [9] * 4
    assert told(asking, run.id, "nothing")["cells"] == [[0]]


def test_ranks_are_told_together_and_the_last_attempt_counts(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each step the counts of all ranks; what an attempt repeats replaces what was before."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, amount in ((0, 5), (1, 7), (0, 11)):
        monkeypatch.setenv("RANK", str(rank))
        with otel_trackio.init("ranks", id="ranks", resume="allow") as run:
            for step in (0, 1) if amount < 11 else (1, 2):
                run.log({"weights": Histogram([1.0] * amount)}, step)
                run.log({"weights": Histogram([1.0] * amount)}, step)
    assert told(asking, "ranks", "weights")["count"] == [12, 18, 11]


def test_those_without_steps_are_not_left_out(asking: Asking) -> None:
    """Where only some have a step, all are told by time."""
    aggregates = [
        replace(each, step=step)
        for each, step in zip(totals([explicit([1], [1, 1])] * 3), (NO_STEP, 5, 6), strict=True)
    ]
    found = told(asking, stored(asking.shelf.api.dir, aggregates, "delta"))
    assert (found["axis"], sum(found["count"])) == ("time", 6)


def test_many_are_folded(asking: Asking, size: Callable[[int, int], int]) -> None:
    """Thousands of steps and a thousand buckets make a picture of bounded size: none is lost, or
    one in so many is shown, as is said."""
    steps = size(3_000, 20_000)
    values = np.random.default_rng(4).normal(size=50)
    with otel_trackio.init("many") as run:
        for step in range(steps):
            run.log({"weights": Histogram(values + step / steps)}, step)
        run.log({"fine": Histogram(np.random.default_rng(5).normal(size=9_000), bins=1_000)}, 0)
    found = told(asking, run.id, "weights")
    assert len(found["x"]) > MAX_COLUMNS // 2
    assert found["x"] == [n * found["width"] for n in range(len(found["x"]))]
    assert sum(found["count"]) * found["every"] == steps * 50
    assert np.sum(found["cells"]) * found["every"] == pytest.approx(steps * 50, rel=1e-2)
    assert len(json.dumps(found)) < MOST_BYTES
    assert np.sum(told(asking, run.id, "fine")["cells"]) == pytest.approx(9_000, rel=1e-2)


def test_of_all_too_many_some_are_read(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """One in so many, and the answer says so."""
    data = explicit([1], [1, 1])
    run_id = stored(asking.shelf.api.dir, totals([data] * 100), "delta")
    monkeypatch.setattr(distributions, "MAX_READ", 10 * len(json.dumps(data)))
    found = told(asking, run_id)
    assert (found["every"], sum(found["count"])) == (10, 20)


def test_a_few_far_values_leave_room_for_the_others(asking: Asking) -> None:
    """They share the outer rows, which have no ends."""
    values = np.concatenate([np.random.default_rng(6).normal(size=5_000), [1e9, -1e6]])
    edges = [0.0, *np.linspace(-5, 5, 101), 1e9]
    data = explicit(edges[1:-1], np.histogram(values, [-1e6, *edges[1:]])[0].tolist())
    whole = Stored(3, BEGAN, BEGAN, {**data, "min": -1e6, "max": 1e9})
    found = told(asking, stored(asking.shelf.api.dir, [whole], ""))
    assert found["edges"][0] is None
    assert found["edges"][-1] is None
    assert -10 < found["edges"][1] < -2
    assert 2 < found["edges"][-2] < 10
    assert found["even"]
    assert np.sum(found["cells"]) == pytest.approx(5_002, rel=1e-2)


NONSENSE: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"count": 3},
    {"count": "many", "counts": [1]},
    {"count": 1, "counts": 1},
    {"count": 1, "counts": [[1]]},
    {"count": 3, "counts": [1, 2], "bounds": [1, 2, 3]},
    {"count": 3, "counts": [1, 1, 1], "bounds": [2, 1]},
    {"count": 3, "counts": [1, -1, 3], "bounds": [1, 2]},
    {"count": 3, "counts": [1, "NaN"], "bounds": [1]},
    {"count": 10**400, "counts": [10**400]},
    {"count": 1, "scale": "0"},
    {"count": 1, "scale": 10**9, "positive": {"offset": 0, "counts": [1]}},
    {"count": 1, "scale": 0, "positive": {"offset": 10**9, "counts": [1]}},
    {"count": 1, "scale": 0, "positive": {"offset": "x", "counts": [1]}},
    {"count": 1, "scale": 0, "positive": [1]},
)


def test_what_makes_no_sense_is_counted(asking: Asking) -> None:
    """A remote may bring anything: it is passed over, and the answer says how many."""
    run_id = stored(asking.shelf.api.dir, totals([*NONSENSE, explicit([1], [1, 2])]))
    found = told(asking, run_id)
    assert found["skipped"] == len(NONSENSE)
    assert found["count"] == [3]
    assert [each for each in NONSENSE if aggregate_of(each) is not None] == []


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_names_may_be_anything(asking: Asking, name: str) -> None:
    """A metric is found by its name, whatever that is."""
    with otel_trackio.init("hostile") as run:
        run.log({name: Histogram([1, 2, 3])}, 0)
    assert told(asking, run.id, name)["count"] == [3]


def test_what_is_not_there_is_said(asking: Asking) -> None:
    """A run or metric that nobody knows, and a curve, which is no histogram."""
    with otel_trackio.init("missing") as run:
        run.log({"loss": 1.0, "weights": Histogram([1])}, 0)
    for run_id, key in (("none", "weights"), (run.id, "none"), (run.id, "loss")):
        answer = asking.send("GET", f"/api/runs/{run_id}/distributions", params={"key": key})
        assert failure(answer)[0] == 404
    assert asking.send("GET", f"/api/runs/{run.id}/distributions").status_code == 422


FLOATS = st.floats(-1e306, 1e306)


@given(st.lists(st.tuples(st.integers(-(2**62), 2**62), st.lists(FLOATS)), max_size=20))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_no_value_is_lost(logged: list[tuple[int, list[float]]]) -> None:
    """Whatever was logged at whatever steps: the cells of a column hold its count."""
    samples = []
    for step, values in logged:
        aggregate = aggregate_of(json.loads(json.dumps(Histogram(values).data)))
        assert aggregate is not None
        samples.append(Sample(step, aggregate, whole=True))
    found = heatmap(samples, stepped=True)
    known = [each for each in found["edges"].tolist() if math.isfinite(each)]
    assert known == sorted(set(known))
    assert sum(found["count"]) == sum(len(values) for _, values in logged)
    for cells, amount in zip(found["cells"], found["count"], strict=True):
        assert sum(cells) == pytest.approx(amount, rel=1e-2, abs=1e-2)


def test_a_run_that_goes_on_is_followed(asking: Asking) -> None:
    """What a live run has logged is told before it is stored for good."""
    with otel_trackio.init("going") as run:
        for step in range(3):
            run.log({"weights": Histogram([step])}, step)
            assert told(asking, run.id, "weights")["x"] == list(range(step + 1))

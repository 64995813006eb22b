"""Every kind of OTLP metric as Prometheus samples."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable
from typing import Any

import pytest

from otel_trackio_collector.promseries import Catalog
from otel_trackio_collector.promtarget import Naming
from otel_trackio_collector.promtotals import Totals
from otel_trackio_collector.promtranslate import Translator
from otel_trackio_collector.promvalue import is_stale
from tests.collector.training import CUMULATIVE, DELTA, Request, put, run

T = 1_700_000_000_000


class Translating:
    """A translator, and what it made, by name and the labels that are asked for."""

    def __init__(self, naming: Naming | None = None) -> None:
        self.catalog = Catalog()
        totals = Totals()
        weakref.finalize(self, totals.close)
        self.translator = Translator(self.catalog, totals, naming)

    def __call__(
        self, *requests: Request, by: Iterable[str] = ()
    ) -> dict[tuple[str, ...], list[tuple[int, float]]]:
        samples = self.translator.translate(each.entry().body for each in requests)
        found: dict[tuple[str, ...], list[tuple[int, float]]] = {}
        for number, time, value in zip(samples.numbers, samples.times, samples.values, strict=True):
            series = self.catalog[number]
            labels = dict(series.labels)
            key = (series.name, *(labels[each] for each in by if each in labels))
            found.setdefault(key, []).append((time - T, value))
        return found


def histogram(request: Request, counts: list[int], time: int = 0, temporality: Any = None) -> Any:
    metric = request.metric("batch.duration", "s")
    metric.histogram.aggregation_temporality = temporality or CUMULATIVE
    point = metric.histogram.data_points.add(time_unix_nano=(T + time) * 1_000_000)
    point.explicit_bounds[:] = [0.005, 5.0, 10_000_000.0]
    point.bucket_counts[:] = counts
    point.count, point.sum = sum(counts), 12.5
    request.points += 1
    return point


def test_a_histogram_counts_from_below() -> None:
    """Buckets count what is at most their bound, which is written without an exponent."""
    request = run("h")
    histogram(request, [1, 2, 3, 4])
    found = Translating()(request, by=["le"])
    bucket = "batch_duration_seconds_bucket"
    assert found["batch_duration_seconds_count",] == [(0, 10.0)]
    assert found["batch_duration_seconds_sum",] == [(0, 12.5)]
    assert found[bucket, "0.005"] == [(0, 1.0)]
    assert found[bucket, "5"] == [(0, 3.0)]
    assert found[bucket, "10000000"] == [(0, 6.0)]
    assert found[bucket, "+Inf"] == [(0, 10.0)]


def test_a_histogram_of_differences_is_added_up() -> None:
    """Delta histograms become running ones, bucket by bucket."""
    first, second = run("h"), run("h")
    histogram(first, [1, 2, 3, 4], 0, DELTA)
    histogram(second, [1, 0, 0, 0], 1_000, DELTA)
    found = Translating()(first, second, by=["le"])
    assert found["batch_duration_seconds_count",] == [(0, 10.0), (1_000, 11.0)]
    assert found["batch_duration_seconds_bucket", "5"] == [(0, 3.0), (1_000, 4.0)]


@pytest.mark.parametrize("scale", [0, 1, 3, 20])
def test_an_exponential_histogram_has_powers_of_two_for_bounds(scale: int) -> None:
    """At every scale of 0 and above the bounds are the same, and nothing is counted wrong."""
    values = [0.75, 1.5, 1.5, 3.9, 100.0]
    request = run("e")
    metric = request.metric("reward")
    metric.exponential_histogram.aggregation_temporality = CUMULATIVE
    point = metric.exponential_histogram.data_points.add(time_unix_nano=T * 1_000_000)
    indexes = [math.ceil(math.log2(value) * 2**scale) - 1 for value in values]
    fits = {index - min(indexes): indexes.count(index) for index in indexes}
    if max(fits) > 100_000:
        values, fits = values[:1], {0: 1}
    point.scale, point.positive.offset = scale, min(indexes)
    point.positive.bucket_counts[:] = [fits.get(place, 0) for place in range(max(fits) + 1)]
    point.negative.offset = 2**scale
    point.negative.bucket_counts[:] = [1]
    point.zero_count = 2
    point.count = len(values) + 3
    found = Translating()(request, by=["le"])
    counted = {
        float(key[1]): each[0][1] for key, each in found.items() if key[0].endswith("bucket")
    }
    assert counted.pop(math.inf) == point.count
    for bound, count in counted.items():
        below = sum(value <= bound for value in values)
        assert count == below + (bound >= -2) + 2 * (bound >= 0), bound
    assert counted.keys() <= {-2.0, 0.0, *(2.0**k for k in range(-1, 8))}


def test_a_summary_has_quantiles() -> None:
    """Each quantile is a series of the summary's name."""
    request = run("s")
    point = request.metric("latency", "ms").summary.data_points.add(time_unix_nano=T * 1_000_000)
    point.count, point.sum = 3, 6.0
    point.quantile_values.add(quantile=0.5, value=2.0)
    point.quantile_values.add(quantile=1.0, value=3.0)
    found = Translating()(request, by=["quantile"])
    assert found["latency_milliseconds_count",] == [(0, 3.0)]
    assert found["latency_milliseconds_sum",] == [(0, 6.0)]
    assert found["latency_milliseconds", "0.5"] == [(0, 2.0)]
    assert found["latency_milliseconds", "1"] == [(0, 3.0)]


def test_sums_of_both_temporalities() -> None:
    """A running sum stays, differences are added up; what may fall is a gauge and no total."""
    points = [(T, 5.0, None), (T + 10, 7.0, None)]
    request = run("c").counter("a", points).counter("b", points, delta=True)
    request.counter("c", points, monotonic=False).counter("d", points, True, False)
    found = Translating()(request)
    assert found["a_total",] == [(0, 5.0), (10, 7.0)]
    assert found["b_total",] == [(0, 5.0), (10, 12.0)]
    assert found["c",] == [(0, 5.0), (10, 7.0)]
    assert found["d",] == [(0, 5.0), (10, 12.0)]


def test_a_difference_of_the_past_is_in_the_next_total() -> None:
    """A delta that comes late changes no total that was told; the next one has it."""
    points = [(T + 10, 5.0, None), (T, 1.0, None), (T + 20, 2.0, None)]
    found = Translating()(run("c").counter("a", points, delta=True))
    assert found["a_total",] == [(10, 5.0), (20, 8.0)]


def test_a_difference_that_is_no_number_spoils_no_total() -> None:
    """NaN adds nothing to what is added up: the next difference has a total again."""
    points = [(T, 5.0, None), (T + 10, math.nan, None), (T + 20, 2.0, None)]
    found = Translating()(run("c").counter("a", points, delta=True))
    assert found["a_total",] == [(0, 5.0), (10, 5.0), (20, 7.0)]


def test_exemplars_of_a_gauge_that_have_a_step_are_its_points() -> None:
    """Where exemplars alone carry the measurements, each is a sample at its own time."""
    request = run("x")
    point = request.metric("loss").gauge.data_points.add(time_unix_nano=(T + 99) * 1_000_000)
    point.as_double = 3.0
    for step in (1, 2, 3):
        exemplar = point.exemplars.add(time_unix_nano=(T + step) * 1_000_000, as_double=step)
        put(exemplar.filtered_attributes, {"training.step": step})
    translating = Translating()
    found = translating(request)
    assert found["loss",] == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert found["training_step",] == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_exemplars_without_a_step_are_none_of_its_points() -> None:
    """Other exemplars say nothing here: the point is the sample."""
    request = run("x")
    point = request.metric("loss").gauge.data_points.add(time_unix_nano=T * 1_000_000)
    point.as_double = 3.0
    point.exemplars.add(time_unix_nano=(T - 5) * 1_000_000, as_double=9.0)
    found = Translating()(request)
    assert found["loss",] == [(0, 3.0)]
    assert ("training_step",) not in found


def test_a_step_among_the_attributes_makes_no_series() -> None:
    """Points that tell their step by an attribute are one series."""
    request = run("x")
    for step in range(5):
        request.gauge("loss", [(T + step, 0.5, None)], {"training.step": step, "k": "v"})
    found = Translating()(request, by=["training_step"])
    assert found["loss",] == [(step, 0.5) for step in range(5)]
    assert found["training_step",] == [(step, float(step)) for step in range(5)]


def test_what_is_no_step_is_told_as_none() -> None:
    """An attribute that is called like the step, but is no integer, makes neither step nor series;
    so it is on exemplars."""
    request = run("x").gauge("loss", [(T, 0.5, None)], {"training.step": "first"})
    at = {"time_unix_nano": T * 1_000_000, "as_double": 0.5}
    carried = request.metric("lr").gauge.data_points.add(**at).exemplars.add(**at)
    put(carried.filtered_attributes, {"training.step": "first"})
    found = Translating()(request)
    assert found["loss",] == found["lr",] == [(0, 0.5)]
    assert ("training_step",) not in found


def test_a_series_that_has_ended_is_marked() -> None:
    """The flag "no recorded value" becomes the NaN by which Prometheus ends a series."""
    request = run("x")
    metric = request.metric("loss")
    metric.gauge.data_points.add(time_unix_nano=T * 1_000_000, flags=1)
    metric.gauge.data_points.add(time_unix_nano=(T + 1) * 1_000_000, as_double=math.nan)
    (_, ended), (_, measured) = Translating()(request)["loss",]
    assert is_stale(ended)
    assert math.isnan(measured)
    assert not is_stale(measured)


def test_what_has_no_place_is_counted() -> None:
    """A sum without a temporality, and a name of which nothing is left, are counted by reason."""
    translating = Translating()
    request = run("x").gauge("...", [(T, 1.0, None), (T + 1, 1.0, None)])
    request.metric("odd").sum.data_points.add(time_unix_nano=T * 1_000_000, as_double=1.0)
    found = translating(request)
    assert found == {}
    assert translating.translator.not_taken == {"name": 2, "temporality": 1}


def test_a_service_is_a_run_too() -> None:
    """A sender that knows nothing of runs is one by its service, under the official labels."""
    request = Request(
        {"service.namespace": "lab", "service.name": "train", "service.instance.id": "i-1"}
    )
    request.gauge("loss", [(T, 1.0, 1)])
    found = Translating()(request, by=["job", "instance", "otel_trackio_run_name"])
    assert found["loss", "lab/train", "i-1", "i-1"] == [(0, 1.0)]


def test_other_labels_may_be_asked_for() -> None:
    """External labels, all of a resource as labels, names without suffixes, no target_info."""
    naming = Naming((("cluster", "a"),), suffixes=False, target_info=False, everything=True)
    request = run("x", host__name="node").gauge("loss", [(T, 1.0, None)], unit="s")
    found = Translating(naming)(request, by=["cluster", "host_name"])
    assert found == {("loss", "a", "node"): [(0, 1.0)]}


def test_target_info_is_repeated_over_the_time_that_is_told() -> None:
    """A minute apart, so that PromQL finds it beside every point, and never without an end."""
    request = run("x", host__name="node")
    request.gauge("loss", [(T, 1.0, None), (T + 150_000, 1.0, None)])
    found = Translating()(request)
    assert found["target_info",] == [(0, 1.0), (60_000, 1.0), (120_000, 1.0)]
    far = run("y", host__name="node").gauge("loss", [(1, 1.0, None), (T, 1.0, None)])
    assert len(Translating()(far)["target_info",]) < 1_500

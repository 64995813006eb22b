"""One point an interval for who cannot take every one."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from otel_trackio.peer import Refused, Retryable
from otel_trackio_collector.forwarding import Forwarder, Sent
from otel_trackio_collector.remotewrite import RemoteWrite
from otel_trackio_collector.requestlog import Entry, RequestLog
from otel_trackio_collector.resolution import KEEPS, Fold, Keep, Resolution
from otel_trackio_collector.shaping import Folded
from tests.collector.made import BEGAN, SECOND, every_point, gauge, merged, points, requests
from tests.collector.sinks import serving, until
from tests.collector.test_selection import Kept
from tests.collector.writing import read


@pytest.fixture
def log(tmp_path: Path) -> Iterator[RequestLog]:
    log = RequestLog(tmp_path / "requests.db")
    yield log
    log.close()


def folded(keep: Keep, *bodies: bytes, interval: float = 10.0) -> list[float]:
    fold = Fold(Resolution(interval, keep))
    for number, body in enumerate(bodies, 1):
        fold.take(number, body, 0.0)
    return [value for _, _, value in points(fold.give(0.0, everything=True)[0])]


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        ("last", [9.0, 12.0]),
        ("mean", [4.5, 11.0]),
        ("min", [0.0, 10.0]),
        ("max", [9.0, 12.0]),
    ],
)
def test_one_point_an_interval(keep: Keep, left: list[float]) -> None:
    """Thirteen points a second apart, in several requests, make two of 10 s."""
    first = gauge("loss", map(float, range(4)))
    second = gauge("loss", map(float, range(4, 13)), began=4.0)
    assert folded(keep, first, second) == left


def test_what_is_kept_keeps_its_time_and_its_step() -> None:
    """Last, min and max are points as they came; a mean has the time of the last."""
    body = ExportMetricsServiceRequest.FromString(gauge("loss", [3.0, 1.0, 2.0]))
    sent = body.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points
    for step, point in enumerate(sent):
        exemplar = point.exemplars.add(time_unix_nano=point.time_unix_nano)
        exemplar.filtered_attributes.add(key="training.step").value.int_value = step
    places: dict[Keep, int] = {"last": 2, "min": 1, "max": 0, "mean": 2}
    for keep, place in places.items():
        fold = Fold(Resolution(10.0, keep))
        fold.take(1, body.SerializeToString(), 0.0)
        given_out = ExportMetricsServiceRequest.FromString(fold.give(0.0, True)[0])
        [point] = given_out.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points
        assert point.time_unix_nano == BEGAN + place * SECOND
        assert point.exemplars == sent[place].exemplars
        assert fold.folded == 2


def test_series_are_apart() -> None:
    """By resource, scope, metric and attributes: none is folded into another."""
    bodies = [
        gauge(name, [value], resource={"run": run})
        for value, (name, run) in enumerate([("a", "x"), ("b", "x"), ("a", "y")])
    ]
    assert sorted(folded("last", *bodies)) == [0.0, 1.0, 2.0]


def test_nan_is_beaten_by_numbers() -> None:
    """min and max are of numbers, where there are any; a mean with NaN is NaN."""
    body = gauge("loss", [math.nan, 2.0, math.nan, 1.0])
    assert folded("min", body) == [1.0]
    assert folded("max", body) == [2.0]
    assert math.isnan(folded("mean", body)[0])


def counter(values: list[int], monotonic: bool, temporality: int) -> bytes:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="tokens")
    metric.sum.aggregation_temporality = temporality  # type: ignore[assignment]
    metric.sum.is_monotonic = monotonic
    for place, value in enumerate(values):
        point = metric.sum.data_points.add(as_int=value)
        point.start_time_unix_nano = BEGAN + (place if temporality == 1 else 0) * SECOND
        point.time_unix_nano = BEGAN + (place + 1) * SECOND
    body: bytes = request.SerializeToString()
    return body


@pytest.mark.parametrize("keep", KEEPS)
def test_sums_stay_true(keep: Keep) -> None:
    """Whatever is kept of gauges: totals keep the last, differences are added up."""
    for temporality, left in ((2, 30), (1, 60)):
        fold = Fold(Resolution(10.0, keep))
        fold.take(1, counter([10, 20, 30], True, temporality), 0.0)
        request = ExportMetricsServiceRequest.FromString(fold.give(0.0, True)[0])
        [point] = request.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points
        assert point.as_int == left
        assert (point.start_time_unix_nano, point.time_unix_nano) == (BEGAN, BEGAN + 3 * SECOND)


def test_histograms_of_differences_are_added_up() -> None:
    """Bucket by bucket where the bounds are the same; else they stay two."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="norms")
    metric.histogram.aggregation_temporality = 1  # type: ignore[assignment]
    for bounds, counts in (([1.0], [2, 3]), ([1.0], [1, 1]), ([5.0], [4, 0])):
        metric.histogram.data_points.add(
            time_unix_nano=BEGAN,
            count=sum(counts),
            sum=1.5,
            explicit_bounds=bounds,
            bucket_counts=counts,
        )
    fold = Fold(Resolution(10.0))
    fold.take(1, request.SerializeToString(), 0.0)
    given_out = ExportMetricsServiceRequest.FromString(fold.give(0.0, True)[0])
    left = given_out.resource_metrics[0].scope_metrics[0].metrics[0].histogram.data_points
    found = [(list(each.bucket_counts), each.count, each.sum) for each in left]
    assert found == [([3, 4], 7, 3.0), ([4, 0], 4, 1.5)]


@given(st.lists(requests(), max_size=4))
def test_points_are_given_out_or_counted(bodies: list[bytes]) -> None:
    """Of any metric: what goes out and what was folded are all that came in."""
    fold = Fold(Resolution(10.0, "mean"))
    for number, body in enumerate(bodies, 1):
        fold.take(number, body, 0.0)
    body, many = fold.give(0.0, everything=True)
    assert len(every_point(body)) == many
    assert many + fold.folded == len(every_point(merged(*bodies)))
    assert fold.first() is None


@given(requests())
def test_lone_points_pass_unchanged(body: bytes) -> None:
    """A point that is alone in its interval goes out as it came, whatever it is."""
    request = ExportMetricsServiceRequest.FromString(body)
    for second, point in enumerate(points_of(request)):
        point.time_unix_nano = second * SECOND
    fold = Fold(Resolution(1.0, "mean"))
    fold.take(1, request.SerializeToString(), 0.0)
    given_out, _ = fold.give(0.0, everything=True)
    assert every_point(given_out) == every_point(request.SerializeToString())


def points_of(request: ExportMetricsServiceRequest) -> Iterator[Any]:
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                yield from getattr(metric, str(metric.WhichOneof("data"))).data_points


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def entry(number: int, body: bytes) -> Entry:
    return Entry(number, 0, body, len(every_point(body)))


def test_what_is_held_back_stays_in_the_log(log: RequestLog) -> None:
    """An interval that is open is not settled, so a crash loses none of it; when it is over it
    goes out though nothing new has come."""
    clock, kept = Clock(), Kept()
    exporter = Folded(kept, Resolution(10.0), clock)
    forwarder = Forwarder(log, exporter)
    forwarder.start()
    for value in (1.0, 2.0):
        log.append(gauge("loss", [value], began=value), 1).result(60)
    until(lambda: forwarder.standing().counts["folded"] == 1)
    assert forwarder.standing().lag_requests == 2
    clock.now = 60.0
    until(lambda: forwarder.standing().lag_requests == 0)
    forwarder.stop()
    assert [points(each.body) for each in kept.entries] == [[("", "loss", 2.0)]]


def test_a_drain_gives_out_what_is_held(log: RequestLog) -> None:
    """A collector that ends as it should leaves no interval behind."""
    kept = Kept()
    forwarder = Forwarder(log, Folded(kept, Resolution(3_600.0, "mean")))
    forwarder.start()
    log.append(gauge("loss", [1.0, 2.0]), 2).result(60)
    until(lambda: forwarder.standing().lag_requests)
    assert forwarder.drain(time.monotonic() + 60)
    assert [points(each.body) for each in kept.entries] == [[("", "loss", 1.5)]]


def test_remote_write_is_folded_too(log: RequestLog) -> None:
    """What stands before an exporter stands before any: Prometheus gets one sample an interval."""
    with serving() as sink:
        exporter = RemoteWrite("prometheus", f"{sink.url}/api/v1/write")
        forwarder = Forwarder(log, Folded(exporter, Resolution(10.0, "max")))
        forwarder.start()
        log.append(gauge("loss", map(float, range(20))), 20).result(60)
        until(lambda: forwarder.standing().lag_requests)
        assert forwarder.drain(time.monotonic() + 60)
        series = [each for body in sink.bodies for each in read(body).timeseries]
    found = {
        label.value: [sample.value for sample in each.samples]
        for each in series
        for label in each.labels
        if label.name == "__name__"
    }
    assert found["loss"] == [9.0, 19.0]
    assert forwarder.standing().counts["folded"] == 18


class Moody(Kept):
    """Fails as often as it is told before it takes anything."""

    def __init__(self, *faults: Exception) -> None:
        super().__init__()
        self._faults = list(faults)

    def export(self, entries: Sequence[Entry]) -> Sent:
        if self._faults:
            raise self._faults.pop(0)
        return super().export(entries)


def test_a_failure_folds_nothing_twice() -> None:
    """After it the same entries come again, and count once."""
    moody, clock = Moody(Retryable("down")), Clock()
    exporter = Folded(moody, Resolution(10.0, "mean"), clock)
    entries = [entry(1, gauge("loss", [1.0, 3.0])), entry(2, gauge("lr", [5.0]))]
    exporter.release()
    with pytest.raises(Retryable):
        exporter.export(entries)
    assert exporter.export(entries) == Sent(2, settled=2)
    assert [value for _, _, value in points(moody.entries[0].body)] == [2.0, 5.0]


def test_what_is_refused_is_counted() -> None:
    """Folded points that the peer refuses are rejected ones; those behind them go out."""
    moody = Moody(Refused("no"))
    exporter = Folded(moody, Resolution(10.0), Clock())
    exporter.release()
    assert exporter.export([entry(1, gauge("loss", [1.0, 3.0]))]) == Sent(0, 1, "no", 1)
    assert exporter.export([entry(2, gauge("loss", [4.0]))]) == Sent(1, settled=2)

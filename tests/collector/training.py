"""Requests as a training run sends them: points with their steps, a little while ago."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Metric,
    NumberDataPoint,
)

from otel_trackio_collector.requestlog import Entry

Value = str | int | float | bool
Point = tuple[int, float, int | None]
"""Time in ms, value, and step."""

DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE

_NUMBERS = itertools.count(1)


def ago(seconds: float) -> int:
    """That long ago, in ms."""
    return int((time.time() - seconds) * 1000)


def steps(first: int, count: int, every: int = 37, began: int = 0) -> list[Point]:
    """So many steps, `every` ms apart, the first one at the time `first`."""
    return [(first + place * every, 1 / (place + 1), began + place) for place in range(count)]


def put(attributes: Any, told: Mapping[str, Value]) -> None:
    for key, value in told.items():
        into = attributes.add(key=key).value
        kind = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}
        setattr(into, kind[type(value)], value)


@dataclass
class Request:
    """A request under way, of one resource and scope; `entry()` is what a log gives of it."""

    resource: Mapping[str, Value]
    message: ExportMetricsServiceRequest = field(default_factory=ExportMetricsServiceRequest)
    points: int = 0

    def __post_init__(self) -> None:
        metrics = self.message.resource_metrics.add()
        put(metrics.resource.attributes, self.resource)
        metrics.scope_metrics.add().scope.name = "train"

    def metric(self, name: str, unit: str = "") -> Metric:
        return self.message.resource_metrics[0].scope_metrics[0].metrics.add(name=name, unit=unit)

    def gauge(
        self,
        name: str,
        points: Iterable[Point],
        attributes: Mapping[str, Value] | None = None,
        unit: str = "",
    ) -> Request:
        metric = self.metric(name, unit)
        metric.gauge.SetInParent()
        self._fill(metric.gauge.data_points, points, attributes or {})
        return self

    def counter(
        self, name: str, points: Iterable[Point], delta: bool = False, monotonic: bool = True
    ) -> Request:
        return self.sum(name, points, {}, "", delta, monotonic)

    def sum(
        self,
        name: str,
        points: Iterable[Point],
        attributes: Mapping[str, Value],
        unit: str,
        delta: bool = False,
        monotonic: bool = True,
    ) -> Request:
        metric = self.metric(name, unit)
        metric.sum.aggregation_temporality = DELTA if delta else CUMULATIVE
        metric.sum.is_monotonic = monotonic
        self._fill(metric.sum.data_points, points, attributes)
        return self

    def _fill(self, into: Any, points: Iterable[Point], attributes: Mapping[str, Value]) -> None:
        for moment, value, step in points:
            point: NumberDataPoint = into.add(time_unix_nano=moment * 1_000_000, as_double=value)
            put(point.attributes, attributes)
            if step is not None:
                exemplar = point.exemplars.add(time_unix_nano=point.time_unix_nano, as_double=value)
                put(exemplar.filtered_attributes, {"training.step": step})
            self.points += 1

    def entry(self) -> Entry:
        body = self.message.SerializeToString()
        return Entry(next(_NUMBERS), time.time_ns(), body, self.points)


def run(id: str, **more: Value) -> Request:
    """A request of a run."""
    about: dict[str, Value] = {
        "service.name": "digits",
        "otel_trackio.run.id": id,
        "otel_trackio.project": "digits",
        "otel_trackio.run.name": f"name of {id}",
    }
    return Request(about | {key.replace("__", "."): value for key, value in more.items()})


def stored(points: Sequence[Point]) -> list[tuple[int, float]]:
    """What a server that keeps every step holds of them."""
    return [(moment, value) for moment, value, _ in points]

"""Numbered points as OTLP requests: several of one series in one request, each at its own time.

Each carries one exemplar, which has its step, its number in the file that it comes from, and its
value as recorded: of a counter the increment, while the point is the running total. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Exemplar,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ScopeMetrics,
)

from otel_trackio.frames import number_from_json
from otel_trackio.model import NO_STEP, Columns, Histogram, Series, Values
from otel_trackio.semconv import (
    LOG_SCOPE,
    POINT_NUMBER,
    SYSTEM_SCOPE,
    TRACKIO_KEY,
    TRAINING_STEP,
    meaning_of,
)
from otel_trackio.stretch import Number, Stretch, Totals, running

MAX_FORMS: Final = 20_000
"""Series that are remembered; then all are forgotten."""

_DELTA: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_CUMULATIVE: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_INTEGERS: Final = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Request:
    """The bytes of a request, how many points it holds, and where counters stand behind it."""

    body: bytes
    points: int
    totals: Totals


class Encoder:
    """Remembers, from request to request, what points of a series have in common. Not
    thread-safe."""

    def __init__(self, resource: Mapping[str, Any], began: int) -> None:
        """`began` (ns) is when running totals began."""
        self._resource = resource
        self._began = began
        self._forms: dict[Series, _Form] = {}

    def encode(self, stretch: Stretch, before: Totals, **more: Any) -> Request:
        """The request that holds a stretch; `before` is where counters stand before it."""
        message = ExportMetricsServiceRequest()
        of_resource = message.resource_metrics.add()
        _put(of_resource.resource.attributes, {**self._resource, **more})
        metrics = _Metrics(of_resource.scope_metrics)
        after: dict[Series, Number] = {**before}
        for series, columns in stretch.points:
            shown = columns.points.value
            if series.increments:
                shown = running(before.get(series, 0), shown)
                after[series] = shown[-1:].tolist()[0]
            form = self._form(series)
            form.fill(metrics.of(series, form.name), columns, shown, self._began)
        for number, series, histogram in stretch.histograms:
            is_exponential = "scale" in histogram.data
            _add(metrics.of(series, name_of(series), is_exponential), series, number, histogram)
        return Request(message.SerializeToString(), len(stretch), after)

    def _form(self, series: Series) -> _Form:
        known = self._forms.get(series)
        if known is None:
            if len(self._forms) >= MAX_FORMS:
                self._forms.clear()
            known = self._forms[series] = _Form(series)
        return known


def name_of(series: Series) -> str:
    """What a series is called in OpenTelemetry."""
    if series.scope in (LOG_SCOPE, SYSTEM_SCOPE):
        return meaning_of(series.key, series.scope).name
    return series.key


def attributes_of(series: Series) -> dict[str, Any]:
    """The attributes of a series' points there."""
    own: dict[str, Any] = json.loads(series.attributes)
    if series.scope not in (LOG_SCOPE, SYSTEM_SCOPE):
        return own
    told = dict(meaning_of(series.key, series.scope).attributes)
    return {TRACKIO_KEY: series.key, **told, **own}


class _Metrics:
    """The metrics of a request, each once: several keys of `log()` may be one."""

    def __init__(self, scopes: Any) -> None:
        self._scopes = scopes
        self._by_scope: dict[tuple[str, str], ScopeMetrics] = {}
        self._known: dict[tuple[object, ...], Metric] = {}

    def of(self, series: Series, name: str, exponential: bool = False) -> Metric:
        scope = series.scope, series.scope_version
        identity = (*scope, name, series.unit, series.kind, series.temporality, exponential)
        known = self._known.get(identity)
        if known is None:
            if scope not in self._by_scope:
                self._by_scope[scope] = made = self._scopes.add()
                made.scope.name, made.scope.version = scope
            known = self._by_scope[scope].metrics.add(
                name=name, unit=series.unit, description=series.description
            )
            self._known[identity] = known
        return known


class _Form:
    """The points of a series, filled into the same two messages again and again, with a step and
    without: new ones take four times as long."""

    def __init__(self, series: Series) -> None:
        self.name = name_of(series)
        self._is_sum, self._is_monotonic = bool(series.temporality), series.kind == "counter"
        attributes = attributes_of(series)
        self._points = [_Point(attributes, is_stepped) for is_stepped in (False, True)]

    def fill(self, metric: Metric, columns: Columns, shown: Values, began: int) -> None:
        """Adds points of the series, `shown` as their values."""
        if self._is_sum:
            metric.sum.aggregation_temporality = _CUMULATIVE
            metric.sum.is_monotonic = self._is_monotonic
        into = metric.sum.data_points if self._is_sum else metric.gauge.data_points
        points = columns.points
        floats = points.value.dtype == shown.dtype == np.float64
        rows = zip(
            columns.seq.tolist(),
            points.step.tolist(),
            points.time.tolist(),
            points.value.tolist(),
            shown.tolist(),
            strict=True,
        )
        for number, step, time, recorded, value in rows:
            form = self._points[step != NO_STEP]
            point, exemplar = form.point, form.exemplar
            point.time_unix_nano = exemplar.time_unix_nano = time if time > 0 else 0
            if self._is_sum:
                point.start_time_unix_nano = min(began, point.time_unix_nano)
            if floats:
                point.as_double, exemplar.as_double = value, recorded
            else:
                _set(point, value)
                _set(exemplar, recorded)
            form.step.int_value, form.number.int_value = step, number
            into.append(point)


class _Point:
    """A point with its exemplar, and where the exemplar's step and number are."""

    def __init__(self, attributes: Mapping[str, Any], is_stepped: bool) -> None:
        self.point = NumberDataPoint()
        _put(self.point.attributes, attributes)
        self.exemplar = self.point.exemplars.add()
        told = self.exemplar.filtered_attributes
        self.step = told.add(key=TRAINING_STEP).value if is_stepped else AnyValue()
        self.number = told.add(key=POINT_NUMBER).value


def _set(message: NumberDataPoint | Exemplar, value: Number) -> None:
    """An integer stays one, unless OTLP has no room for it."""
    if isinstance(value, int) and value in _INTEGERS:
        message.as_int = value
    else:
        message.as_double = nearest(value)


def nearest(value: Number) -> float:
    """The nearest float64; an integer beyond their range is infinite."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _add(metric: Metric, series: Series, number: int, histogram: Histogram) -> None:
    """Adds an aggregate of a histogram."""
    data = histogram.data
    kind = metric.exponential_histogram if "scale" in data else metric.histogram
    kind.aggregation_temporality = _CUMULATIVE if series.temporality == "cumulative" else _DELTA
    point: Any = kind.data_points.add(
        time_unix_nano=max(histogram.time, 0),
        start_time_unix_nano=max(histogram.start, 0),
        count=data["count"],
    )
    _put(point.attributes, attributes_of(series))
    told = {name: number_from_json(data[name]) for name in _SUMMED if data.get(name) is not None}
    for name, value in told.items():
        setattr(point, name, nearest(value))
    if "scale" in data:
        _exponential(point, data)
    else:
        _explicit(point, data)
    # The greatest that was measured stands for the rest; who counts exemplars wants a value.
    exemplar = point.exemplars.add(
        time_unix_nano=point.time_unix_nano, as_double=nearest(told.get("max", 0.0))
    )
    if histogram.step != NO_STEP:
        _put(exemplar.filtered_attributes, {TRAINING_STEP: histogram.step})
    _put(exemplar.filtered_attributes, {POINT_NUMBER: number})


_SUMMED: Final = ("sum", "min", "max")


def _explicit(point: HistogramDataPoint, data: Mapping[str, Any]) -> None:
    point.bucket_counts.extend(data.get("counts", ()))
    bounds = map(number_from_json, data.get("bounds", ()))
    point.explicit_bounds.extend(map(nearest, bounds))


def _exponential(point: ExponentialHistogramDataPoint, data: Mapping[str, Any]) -> None:
    point.scale, point.zero_count = data["scale"], data.get("zero_count", 0)
    point.zero_threshold = nearest(number_from_json(data.get("zero_threshold", 0.0)))
    for side in ("positive", "negative"):
        buckets, told = getattr(point, side), data.get(side, {})
        buckets.offset = told.get("offset", 0)
        buckets.bucket_counts.extend(told.get("counts", ()))


def _put(into: Any, attributes: Mapping[str, Any]) -> None:
    for key, value in attributes.items():
        _give(into.add(key=key).value, value)


def _give(into: AnyValue, value: Any) -> None:
    """Sets a value as JSON has it; what is null stays empty."""
    if isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int) and value in _INTEGERS:
        into.int_value = value
    elif isinstance(value, float):
        into.double_value = value
    elif isinstance(value, Mapping):
        into.kvlist_value.SetInParent()
        _put(into.kvlist_value.values, value)
    elif isinstance(value, list | tuple):
        into.array_value.SetInParent()
        for each in value:
            _give(into.array_value.values.add(), each)
    elif value is not None:
        into.string_value = str(value)

"""OpenTelemetry MetricsData to batches for the store. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    Sum,
)
from opentelemetry.sdk.metrics.export import Histogram as OtelHistogram
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_trackio.chunk import column_of
from otel_trackio.frames import number_to_json
from otel_trackio.model import NO_STEP, Batch, Histogram, Kind, Points, Series, Temporality
from otel_trackio.plain import plain
from otel_trackio.reservoir import Measurement, Measurements
from otel_trackio.semconv import LOG_SCOPE, OVERFLOW, TRAINING_STEP
from otel_trackio.text import storable

HistogramPoint: TypeAlias = HistogramDataPoint | ExponentialHistogramDataPoint
Row: TypeAlias = tuple[int, int, float | int]
"""Step, time in ns, value."""


@dataclass(slots=True)
class Conversion:
    """What one collection held: the batch, and how many measurements had not fitted memory."""

    rank: int
    step: int
    rows: dict[Series, list[Row]] = field(default_factory=dict)
    aggregates: dict[Series, list[Row]] = field(default_factory=dict)
    histograms: list[tuple[Series, Histogram]] = field(default_factory=list)
    overflowed: int = 0

    def batch(self) -> Batch:
        # A View of the user's own may show a series once more, as an aggregate of what we have.
        whole = {_identity(series) for series in self.rows}
        more = {k: rows for k, rows in self.aggregates.items() if _identity(k) not in whole}
        points = tuple((series, _points(rows)) for series, rows in {**self.rows, **more}.items())
        return Batch(points, tuple(self.histograms))


def convert(data: MetricsData, rank: int, step: int | None) -> Conversion:
    """Every measurement of `data`, or, where a reader kept none, its aggregates.

    `step` is that of the process now: what is observed or aggregated at collection belongs to it.
    The mirror of `log()` keys is left out, as the journal has them.
    """
    conversion = Conversion(rank, NO_STEP if step is None else step)
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            if scope.scope.name != LOG_SCOPE:
                for metric in scope.metrics:
                    _metric(conversion, scope.scope, metric)
    return conversion


def _metric(conversion: Conversion, scope: InstrumentationScope, metric: Metric) -> None:
    data = metric.data
    kept = any(isinstance(point.exemplars, Measurements) for point in data.data_points)
    for point in data.data_points:
        series = _series(conversion.rank, scope, metric, point.attributes or {})
        if isinstance(point, NumberDataPoint):
            _number(conversion, series, point)
            continue
        if kept:
            _measured(conversion, series, point.exemplars)
        histogram = _histogram(point, _step_of(point.attributes, conversion.step))
        conversion.histograms.append((series, histogram))


def _number(conversion: Conversion, series: Series, point: NumberDataPoint) -> None:
    if not isinstance(point.exemplars, Measurements):
        step = _step_of(point.attributes, conversion.step)
        row = (step, point.time_unix_nano, point.value)
        conversion.aggregates.setdefault(series, []).append(row)
        return
    rows = point.exemplars.rows
    _measured(conversion, series, point.exemplars)
    if point.exemplars.overflowed and series.temporality == "delta":
        # Single increments are gone, their sum is not.
        rest = point.value - sum(row[0] for row in rows)
        conversion.rows.setdefault(series, []).append((NO_STEP, point.time_unix_nano, rest))


def _measured(conversion: Conversion, series: Series, measurements: Any) -> None:
    conversion.overflowed += measurements.overflowed
    if OVERFLOW in series.attributes:
        # The SDK merged series beyond its limit; each measurement still knows its own attributes.
        for row in measurements.rows:
            own = _with_attributes(series, row[3] or {})
            conversion.rows.setdefault(own, []).append(_row(row))
        return
    if measurements.rows:
        conversion.rows.setdefault(series, []).extend(map(_row, measurements.rows))


def _row(measurement: Measurement) -> Row:
    value, time, step, _ = measurement
    return (NO_STEP if step is None else step, time, value)


def _points(rows: list[Row]) -> Points:
    step, time, value = zip(*rows, strict=True)
    return Points(
        np.array(step, dtype=np.int64), np.array(time, dtype=np.int64), column_of(list(value))
    )


def _identity(series: Series) -> tuple[str, str, str]:
    return series.scope, series.name, series.attributes


def _series(
    rank: int, scope: InstrumentationScope, metric: Metric, attributes: Mapping[str, Any]
) -> Series:
    kind, temporality = _kind(metric)
    return Series(
        metric.name,
        kind,
        temporality,
        name=metric.name,
        unit=storable(metric.unit or ""),
        description=storable(metric.description or ""),
        attributes=canonical(attributes),
        scope=storable(scope.name),
        scope_version=storable(scope.version or ""),
        rank=rank,
    )


def _kind(metric: Metric) -> tuple[Kind, Temporality]:
    data = metric.data
    if isinstance(data, Gauge):
        return "gauge", ""
    delta = data.aggregation_temporality is AggregationTemporality.DELTA
    temporality: Temporality = "delta" if delta else "cumulative"
    if isinstance(data, OtelHistogram | ExponentialHistogram):
        return "histogram", temporality
    assert isinstance(data, Sum)
    return ("counter" if data.is_monotonic else "up_down_counter"), temporality


def _histogram(point: HistogramPoint, step: int) -> Histogram:
    data: dict[str, Any] = {
        "count": point.count,
        "sum": number_to_json(point.sum),
        "min": number_to_json(point.min) if point.count else None,
        "max": number_to_json(point.max) if point.count else None,
    }
    if isinstance(point, HistogramDataPoint):
        data |= {"bounds": list(point.explicit_bounds), "counts": list(point.bucket_counts)}
    else:
        data |= {"scale": point.scale, "zero_count": point.zero_count}
        for side in ("positive", "negative"):
            buckets = getattr(point, side)
            data[side] = {"offset": buckets.offset, "counts": list(buckets.bucket_counts)}
    return Histogram(step, point.time_unix_nano, point.start_time_unix_nano or 0, data)


def _step_of(attributes: Mapping[str, Any] | None, otherwise: int) -> int:
    step = (attributes or {}).get(TRAINING_STEP)
    return step if isinstance(step, int) else otherwise


def _with_attributes(series: Series, attributes: Mapping[str, Any]) -> Series:
    return replace(series, attributes=canonical(attributes))


def canonical(attributes: Mapping[str, Any]) -> str:
    """Attributes as JSON that is equal where they are; the step is no part of a series."""
    kept = {key: value for key, value in attributes.items() if key != TRAINING_STEP}
    return json.dumps(plain(kept), sort_keys=True) if kept else "{}"

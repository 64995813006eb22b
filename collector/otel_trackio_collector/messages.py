"""Reading OTLP through messages of the protobuf library: whatever a request holds, not quickly."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from otel_trackio.model import Kind, Temporality
from otel_trackio_collector.measurement import About, Resource, Value, step_of
from otel_trackio_collector.otlpvalue import HISTOGRAMS, attributes_of, number_of
from otel_trackio_collector.streams import Streams

_TEMPORALITY: Final[dict[int, Temporality]] = {1: "delta"}


def read(streams: Streams, body: bytes) -> None:
    """Reads a request. Raises DecodeError where it is none."""
    request = ExportMetricsServiceRequest.FromString(body)
    for of_resource in request.resource_metrics:
        resource = streams.resource(of_resource.resource.SerializeToString())
        for of_scope in of_resource.scope_metrics:
            for metric in of_scope.metrics:
                read_metric(streams, resource, of_scope.scope, metric)


def read_metric(
    streams: Streams, resource: Resource, scope: InstrumentationScope, metric: Metric
) -> None:
    """Reads a metric of any kind."""
    kind = metric.WhichOneof("data")
    if kind is None:
        if len(UnknownFieldSet(metric)):
            streams.strange(metric.SerializeToString())
        return
    about = about_of(scope, metric)
    for point in getattr(metric, kind).data_points:
        attributes = attributes_of(point.attributes)
        step = step_of(attributes)
        if kind == "summary":
            _read_summary(streams, resource, about, attributes, point, step)
            continue
        value = HISTOGRAMS[kind](point) if kind in HISTOGRAMS else number_of(point)
        stream = streams.stream(resource, about.series(attributes, resource.sender.rank))
        streams.add(stream, streams.rows(point, value, step, about.expands))


def _read_summary(
    streams: Streams,
    resource: Resource,
    about: About,
    attributes: dict[str, Any],
    point: Any,
    step: int,
) -> None:
    """A summary as curves: its count, its sum, and each of its quantiles."""
    values: list[tuple[About, dict[str, Any], Value]] = [
        (about.part(".count"), attributes, point.count),
        (about.part(".sum"), attributes, point.sum),
    ]
    for each in point.quantile_values:
        values.append((about, {**attributes, "quantile": f"{each.quantile:g}"}, each.value))
    for part, told, value in values:
        stream = streams.stream(resource, part.series(told, resource.sender.rank))
        streams.add(stream, streams.rows(point, value, step, False))


def about_of(scope: InstrumentationScope, metric: Metric) -> About:
    """What the points of a metric that holds data have in common."""
    kind, temporality = _sort(metric)
    return About(
        metric.name,
        metric.unit,
        metric.description,
        kind,
        temporality,
        scope.name,
        scope.version,
        tuple(attributes_of(scope.attributes).items()),
    )


def _sort(metric: Metric) -> tuple[Kind, Temporality]:
    field = metric.WhichOneof("data")
    if field not in ("sum", *HISTOGRAMS):
        return "gauge", ""
    data = getattr(metric, field)
    temporality = _TEMPORALITY.get(data.aggregation_temporality, "cumulative")
    if field in HISTOGRAMS:
        return "histogram", temporality
    return ("counter" if data.is_monotonic else "up_down_counter"), temporality

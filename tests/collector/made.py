"""Requests for the tests of the collector: a few by hand, and any at all by Hypothesis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics, ScopeMetrics

SECOND = 1_000_000_000
BEGAN = 1_700_000_000 * SECOND


def gauge(
    name: str,
    values: Iterable[float],
    *,
    began: float = 0.0,
    every: float = 1.0,
    resource: Mapping[str, str] | None = None,
) -> bytes:
    """A request of one series; its points are `every` seconds apart."""
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add()
    for key, text in (resource or {}).items():
        metrics.resource.attributes.add(key=key).value.string_value = text
    metric = metrics.scope_metrics.add().metrics.add(name=name)
    for place, value in enumerate(values):
        moment = BEGAN + round((began + place * every) * SECOND)
        metric.gauge.data_points.add(time_unix_nano=moment, as_double=value)
    body: bytes = request.SerializeToString()
    return body


def merged(*requests: bytes) -> bytes:
    return b"".join(requests)


def points(body: bytes) -> list[tuple[str, str, float]]:
    """Every gauge's points in order: the run of their resource, their metric, their value."""
    found = []
    for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        run = "".join(each.value.string_value for each in resource.resource.attributes[:1])
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                found += [(run, metric.name, each.as_double) for each in metric.gauge.data_points]
    return found


def every_point(body: bytes) -> list[tuple[bytes, bytes, bytes, bytes]]:
    """Every point with all that surrounds it, as bytes, sorted."""
    found = []
    for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        of = ResourceMetrics(resource=resource.resource, schema_url=resource.schema_url)
        for scope in resource.scope_metrics:
            within = ScopeMetrics(scope=scope.scope, schema_url=scope.schema_url)
            for metric in scope.metrics:
                kind = str(metric.WhichOneof("data"))
                each = list(getattr(metric, kind).data_points)
                head = Metric.FromString(metric.SerializeToString())
                getattr(head, kind).ClearField("data_points")
                parts = [part.SerializeToString(deterministic=True) for part in (of, within, head)]
                found += [(*parts, point.SerializeToString(deterministic=True)) for point in each]
    return sorted(found)


TEXT = st.text(max_size=12)
UINT64 = st.integers(0, 2**64 - 1)
NUMBERS = st.floats() | st.integers(-(2**63), 2**63 - 1)


@st.composite
def attributes(draw: st.DrawFn, into: Any) -> None:
    for key in draw(st.lists(TEXT, max_size=3)):
        into.add(key=key).value.string_value = draw(TEXT)


@st.composite
def number_point(draw: st.DrawFn, into: Any) -> None:
    draw(attributes(into.attributes))
    into.time_unix_nano, into.flags = draw(UINT64), draw(st.integers(0, 1))
    value = draw(NUMBERS)
    if isinstance(value, int):
        into.as_int = value
    else:
        into.as_double = value
    for step in draw(st.lists(st.integers(0, 99), max_size=2)):
        exemplar = into.exemplars.add(time_unix_nano=into.time_unix_nano, as_double=0.5)
        exemplar.span_id = b"12345678"
        exemplar.filtered_attributes.add(key="training.step").value.int_value = step


@st.composite
def counted_point(draw: st.DrawFn, into: Any) -> None:
    """Of a histogram of either kind, or a summary: what all three have."""
    draw(attributes(into.attributes))
    into.start_time_unix_nano, into.time_unix_nano = draw(UINT64), draw(UINT64)
    into.count, into.sum = draw(UINT64), draw(st.floats())


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Requests of up to two resources, two scopes each, two metrics each, a few points each."""
    request = ExportMetricsServiceRequest()
    few = st.integers(0, 2)
    for _ in range(draw(few)):
        resource = request.resource_metrics.add(schema_url=draw(TEXT))
        draw(attributes(resource.resource.attributes))
        for _ in range(draw(few)):
            scope = resource.scope_metrics.add(schema_url=draw(TEXT))
            scope.scope.name = draw(TEXT)
            for _ in range(draw(few)):
                draw(metric(scope.metrics.add(name=draw(TEXT), unit=draw(TEXT))))
    body: bytes = request.SerializeToString(deterministic=True)
    return body


@st.composite
def metric(draw: st.DrawFn, into: Metric) -> None:
    kinds = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
    kind = draw(st.sampled_from(kinds))
    data = getattr(into, kind)
    data.SetInParent()
    if kind not in ("gauge", "summary"):
        data.aggregation_temporality = draw(st.integers(0, 2))
    if kind == "sum":
        data.is_monotonic = draw(st.booleans())
    for _ in range(draw(st.integers(0, 4))):
        point = number_point if kind in ("gauge", "sum") else counted_point
        draw(point(data.data_points.add()))

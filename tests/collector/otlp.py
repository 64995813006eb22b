"""OTLP requests for tests: built by name, drawn by Hypothesis, or written as no SDK does."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest as Request,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Exemplar,
    Metric,
    NumberDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otel_trackio_collector.framing import DELIMITED, delimited, fields
from otel_trackio_collector.requestlog import Entry

P = TypeVar("P", bound=Any)

NOW = 1_790_000_000_000_000_000
SECOND = 1_000_000_000


def any_value(value: Any) -> AnyValue:
    """A Python value as an attribute's."""
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            made = AnyValue()
            made.array_value.values.extend(map(any_value, value))
            made.array_value.SetInParent()
            return made
    made = AnyValue()
    made.kvlist_value.values.extend(pairs(value))
    made.kvlist_value.SetInParent()
    return made


def pairs(attributes: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def exemplar(time: int, value: float | int, /, **attributes: Any) -> Exemplar:
    """An exemplar; `step` and `seq` become the attributes that carry these."""
    names = {"step": "training.step", "seq": "otel_trackio.seq"}
    told = {names.get(key, key): each for key, each in attributes.items()}
    made = Exemplar(time_unix_nano=time, filtered_attributes=pairs(told))
    return with_value(made, value)


def with_value(point: P, value: float | int | None) -> P:
    if isinstance(value, int):
        point.as_int = value
    elif value is not None:
        point.as_double = value
    return point


def point(
    time: int,
    value: float | int | None,
    attributes: Mapping[str, Any] | None = None,
    exemplars: Sequence[Exemplar] = (),
    **more: Any,
) -> NumberDataPoint:
    made = NumberDataPoint(
        time_unix_nano=time, attributes=pairs(attributes or {}), exemplars=exemplars, **more
    )
    return with_value(made, value)


def gauge(name: str, *points: NumberDataPoint, unit: str = "") -> Metric:
    metric = Metric(name=name, unit=unit)
    metric.gauge.data_points.extend(points)
    metric.gauge.SetInParent()
    return metric


def counter(name: str, *points: NumberDataPoint, delta: bool = False, up: bool = True) -> Metric:
    metric = Metric(name=name)
    metric.sum.data_points.extend(points)
    metric.sum.aggregation_temporality = AggregationTemporality.ValueType(1 if delta else 2)
    metric.sum.is_monotonic = up
    return metric


def request(
    *metrics: Metric, resource: Mapping[str, Any] | None = None, scope: str = "meter"
) -> Request:
    about = (
        {"service.name": "trainer", "service.instance.id": "one"} if resource is None else resource
    )
    made = Request()
    of_resource = made.resource_metrics.add(resource=Resource(attributes=pairs(about)))
    of_scope = of_resource.scope_metrics.add(metrics=metrics)
    of_scope.scope.name = scope
    return made


def entry(number: int, *requests: Request, received: int = NOW) -> Entry:
    """A request as the log has it; several are one after the other, which is one again."""
    body = b"".join(each.SerializeToString() for each in requests)
    return Entry(number, received, body, sum(map(count, requests)))


def count(of: Request) -> int:
    return sum(
        len(getattr(metric, kind).data_points)
        for resource in of.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if (kind := metric.WhichOneof("data"))
    )


# Which fields hold messages, by the path of field numbers that leads there.
_MESSAGES = {
    (),
    (1,),
    (1, 1),
    (1, 2),
    (1, 2, 2),
    *((1, 2, 2, kind) for kind in (5, 7, 9, 10, 11)),
    *((1, 2, 2, kind, 1) for kind in (5, 7, 9, 10, 11)),
    *((1, 2, 2, kind, 1, 5) for kind in (5, 7)),
}


def shuffled(body: bytes, rnd: random.Random, path: tuple[int, ...] = ()) -> bytes:
    """The same message, its fields in another order, some with what nobody knows between them."""
    groups: dict[int, list[bytes]] = {}
    for each in fields(body):
        inner = (*path, each.number)
        raw = body[each.start : each.end]
        if inner in _MESSAGES and each.wire == DELIMITED:
            raw = delimited(each.number, shuffled(body[each.value : each.end], rnd, inner))
        groups.setdefault(each.number, []).append(raw)
    if rnd.random() < 0.1:
        groups[999] = [delimited(999, b"nobody knows")]
    order = [number for number, parts in groups.items() for _ in parts]
    if rnd.random() < 0.5:
        rnd.shuffle(order)
    # Fields of one number keep their order, which may mean something.
    return b"".join(groups[number].pop(0) for number in order)


times = st.one_of(
    st.integers(NOW, NOW + 10),
    st.integers(NOW, NOW + 10**12),
    st.sampled_from([0, 1, 2**63 - 1, 2**63, 2**64 - 1]),
)
integers = st.integers(-(2**63), 2**63 - 1)
numbers = st.one_of(
    st.floats(), integers, st.sampled_from([0.0, -0.0, 1.0, 1, float("nan"), float("inf")])
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
scalars = st.one_of(st.none(), st.booleans(), integers, st.floats(), texts, st.binary(max_size=4))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
steps = st.one_of(st.integers(0, 300), integers)
few_attributes = st.dictionaries(st.sampled_from(["a", "rank", "phase", "é"]), values, max_size=3)


@st.composite
def attributes(draw: st.DrawFn) -> dict[str, Any]:
    found = draw(few_attributes)
    if draw(st.integers(0, 4)) == 0:
        found["training.step"] = draw(st.one_of(steps, scalars))
    return found


@st.composite
def exemplars(draw: st.DrawFn, time: int, value: float | int | None) -> Exemplar:
    told: dict[str, Any] = {}
    if draw(st.integers(0, 3)):
        told["step"] = draw(steps)
    if draw(st.booleans()):
        told["seq"] = draw(st.one_of(st.integers(1, 300), integers))
    if draw(st.integers(0, 5)) == 0:
        told |= draw(few_attributes)
    when = time if draw(st.booleans()) else draw(times)
    said = value if value is not None and draw(st.booleans()) else draw(numbers)
    made = exemplar(when, said, **told)
    if draw(st.integers(0, 8)) == 0:
        made.trace_id, made.span_id = b"t" * 16, b"s" * 8
    return made


@st.composite
def points(draw: st.DrawFn) -> NumberDataPoint:
    time, value = draw(times), draw(st.one_of(st.none(), numbers, numbers, numbers))
    amount = draw(st.sampled_from([0, 0, 1, 1, 3]))
    made = point(
        time, value, draw(attributes()), [draw(exemplars(time, value)) for _ in range(amount)]
    )
    if draw(st.booleans()):
        made.start_time_unix_nano = draw(times)
    if draw(st.integers(0, 5)) == 0:
        made.flags = draw(st.integers(0, 3))
    return made


@st.composite
def histogram_metrics(draw: st.DrawFn, name: str) -> Metric:
    metric = Metric(name=name)
    kind = draw(st.sampled_from(["histogram", "exponential_histogram", "summary"]))
    data = getattr(metric, kind)
    data.SetInParent()
    for _ in range(draw(st.integers(1, 2))):
        made = data.data_points.add(
            time_unix_nano=draw(times),
            attributes=pairs(draw(attributes())),
            count=draw(st.integers(0, 2**64 - 1)),
            sum=draw(st.floats()),
        )
        if kind != "summary":
            made.exemplars.append(draw(exemplars(made.time_unix_nano, 1.0)))
    return metric


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    name = draw(st.sampled_from(["loss", "Loss", "loss", "", "1é"]))
    match draw(st.integers(0, 8)):
        case 0:
            return Metric(name=name)
        case 1 | 2 | 3:
            return draw(histogram_metrics(name))
        case 4 | 5:
            return gauge(name, *draw(st.lists(points(), max_size=4)), unit=draw(texts))
    made = counter(name, *draw(st.lists(points(), max_size=4)), up=draw(st.booleans()))
    temporality = draw(st.integers(0, 2))
    made.sum.aggregation_temporality = AggregationTemporality.ValueType(temporality)
    return made


@st.composite
def requests(draw: st.DrawFn) -> Request:
    made = Request()
    for _ in range(draw(st.integers(0, 2))):
        about = draw(st.dictionaries(st.sampled_from(["service.name", "x"]), values, max_size=2))
        of_resource = made.resource_metrics.add(resource=Resource(attributes=pairs(about)))
        for _ in range(draw(st.integers(0, 2))):
            of_scope = of_resource.scope_metrics.add(metrics=draw(st.lists(metrics(), max_size=3)))
            of_scope.scope.name = draw(st.sampled_from(["", "meter", "otel_trackio.log"]))
            of_scope.scope.attributes.extend(pairs(draw(st.just({}) | few_attributes)))
    return made


@st.composite
def runs(draw: st.DrawFn) -> Request:
    """Many points of one series, which differ in their numbers alone, but for a few."""
    carried, value = draw(st.booleans()), draw(st.sampled_from([1.5, 2]))
    first, about = draw(st.sampled_from([0, 100, 16_370])), draw(few_attributes)
    made = []
    for n in range(draw(st.integers(20, 80))):
        told = [exemplar(NOW + n, value + n, step=first + n, seq=first + n + 1)] if carried else []
        made.append(point(NOW + n, value + n, about, told, start_time_unix_nano=NOW))
    for _ in range(draw(st.integers(0, 2))):
        made[draw(st.integers(0, len(made) - 1))] = draw(points())
    return request(gauge("loss", *made) if draw(st.booleans()) else counter("loss", *made))

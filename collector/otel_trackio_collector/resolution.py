"""How finely an exporter is fed: every point, or one an interval of each series.

Points are folded by their own time: an interval is [k x interval, (k + 1) x interval). It is given
out a little after its length has passed since its first point came, so a point that comes later
than that makes a second one. Sums and histograms that count from a start keep their last point;
those that count from point to point are added up, as nothing else would be true.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_DELTA,
    DataPointFlags,
    Metric,
    ResourceMetrics,
    ScopeMetrics,
)

Keep = Literal["last", "mean", "min", "max"]

KEEPS: Final[tuple[Keep, ...]] = ("last", "mean", "min", "max")

LATE_SECONDS: Final = 5.0
"""How much longer than its own length an interval waits for points."""

MOST_OPEN: Final = 50_000
"""How many intervals of series are open at once; beyond it the oldest is given out early."""

Key = tuple[bytes, bytes, bytes, bytes]
"""Of a series: its resource, its scope, its metric without points, its attributes."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """One point in `interval` seconds of each series; `keep` says which, of a gauge."""

    interval: float
    keep: Keep = "last"


@dataclass(slots=True)
class _Open:
    """An interval that still takes points: `point` is what it gives out, made of `count`."""

    series: Key
    number: int
    taken: float
    kind: str
    delta: bool
    point: Any
    count: int = 1
    total: float = 0.0
    measured: int = 0


class Fold:
    """The intervals that are open. Moments are of one clock that never goes back, in seconds."""

    def __init__(self, resolution: Resolution) -> None:
        self.folded = 0
        """How many points were folded into others."""
        self._keep = resolution.keep
        self._width = max(1, round(resolution.interval * 1e9))
        self._patience = resolution.interval + LATE_SECONDS
        self._open: OrderedDict[tuple[Key, int], _Open] = OrderedDict()
        self._given: list[_Open] = []

    def first(self) -> int | None:
        """The first entry of which points are held; None where none are."""
        return next((each.number for each in self._open.values()), None)

    def take(self, number: int, body: bytes, now: float) -> None:
        """Folds in an entry."""
        request = ExportMetricsServiceRequest.FromString(body)
        for key, metric, kind in _metrics(request):
            data = getattr(metric, kind)
            delta = getattr(data, "aggregation_temporality", 0) == AGGREGATION_TEMPORALITY_DELTA
            for point in data.data_points:
                attributes = sorted(each.SerializeToString() for each in point.attributes)
                series = (*key, b"".join(attributes))
                place = (series, point.time_unix_nano // self._width)
                if (held := self._open.get(place)) is not None and not _apart(held, point):
                    self._merge(held, point)
                    continue
                if held is not None:
                    self._close(self._open.pop(place))
                self._open[place] = opened = _Open(series, number, now, kind, delta, point)
                self._measure(opened, point)
        while len(self._open) > MOST_OPEN:
            self._close(self._open.popitem(last=False)[1])

    def give(self, now: float, everything: bool = False) -> tuple[bytes, int]:
        """A request of the intervals that are over, and how many points it holds."""
        while self._open:
            oldest = next(iter(self._open.values()))
            if not everything and now - oldest.taken < self._patience:
                break
            self._close(self._open.popitem(last=False)[1])
        given, self._given = self._given, []
        return _request(given), len(given)

    def _merge(self, held: _Open, point: Any) -> None:
        held.count += 1
        self.folded += 1
        if held.delta and held.kind != "gauge":
            if _missing(held.point):
                held.point = point
            elif not _missing(point):
                _add(held, point)
        elif held.kind != "gauge" or self._keep in ("last", "mean"):
            if point.time_unix_nano >= held.point.time_unix_nano:
                held.point = point
        elif self._beats(point, held.point):
            held.point = point
        self._measure(held, point)

    def _measure(self, held: _Open, point: Any) -> None:
        if held.kind == "gauge" and self._keep == "mean" and not _missing(point):
            held.total += _value(point)
            held.measured += 1

    def _close(self, held: _Open) -> None:
        if held.count > 1 and held.measured:
            held.point.as_double = held.total / held.measured
            held.point.flags &= ~DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
        self._given.append(held)

    def _beats(self, point: Any, held: Any) -> bool:
        """Whether a point is the lower, or the higher; a number is either, beside what is none."""
        if _missing(point):
            return False
        new, old = _value(point), _value(held)
        if _missing(held) or old != old:
            return new == new or _missing(held)
        return new < old if self._keep == "min" else new > old


def _metrics(
    request: ExportMetricsServiceRequest,
) -> Iterator[tuple[tuple[bytes, bytes, bytes], Metric, str]]:
    """Metrics with what identifies them: messages without their children, as bytes."""
    for resource in request.resource_metrics:
        about = ResourceMetrics(resource=resource.resource, schema_url=resource.schema_url)
        resource_key = about.SerializeToString(deterministic=True)
        for scope in resource.scope_metrics:
            of = ScopeMetrics(scope=scope.scope, schema_url=scope.schema_url)
            scope_key = of.SerializeToString(deterministic=True)
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                if kind is None:
                    continue
                head = _headed(metric, kind).SerializeToString(deterministic=True)
                yield (resource_key, scope_key, head), metric, kind


def _headed(metric: Metric, kind: str) -> Metric:
    """The metric without points."""
    head = Metric(name=metric.name, unit=metric.unit, description=metric.description)
    head.metadata.extend(metric.metadata)
    data, source = getattr(head, kind), getattr(metric, kind)
    data.SetInParent()
    for name in ("aggregation_temporality", "is_monotonic"):
        if hasattr(source, name):
            setattr(data, name, getattr(source, name))
    return head


def _request(given: list[_Open]) -> bytes:
    """The points under their resources, scopes and metrics, each named once."""
    request = ExportMetricsServiceRequest()
    resources: dict[bytes, ResourceMetrics] = {}
    scopes: dict[tuple[bytes, bytes], ScopeMetrics] = {}
    metrics: dict[tuple[bytes, bytes, bytes], Metric] = {}
    for each in given:
        resource_key, scope_key, metric_key, _ = each.series
        resource = resources.get(resource_key)
        if resource is None:
            resource = resources[resource_key] = request.resource_metrics.add()
            resource.MergeFromString(resource_key)
        scope = scopes.get(each.series[:2])
        if scope is None:
            scope = scopes[each.series[:2]] = resource.scope_metrics.add()
            scope.MergeFromString(scope_key)
        metric = metrics.get(each.series[:3])
        if metric is None:
            metric = metrics[each.series[:3]] = scope.metrics.add()
            metric.MergeFromString(metric_key)
        getattr(metric, each.kind).data_points.append(each.point)
    body: bytes = request.SerializeToString()
    return body


def _apart(held: _Open, point: Any) -> bool:
    """Whether the two cannot be one: additions into other buckets."""
    if not held.delta or held.kind in ("gauge", "sum"):
        return False
    if held.kind != "histogram":
        return True
    bounds = list(held.point.explicit_bounds) != list(point.explicit_bounds)
    return bounds or len(held.point.bucket_counts) != len(point.bucket_counts)


def _add(held: _Open, point: Any) -> None:
    """Adds what was counted since the point before."""
    into = held.point
    into.exemplars.extend(point.exemplars)
    into.time_unix_nano = max(into.time_unix_nano, point.time_unix_nano)
    into.start_time_unix_nano = min(into.start_time_unix_nano, point.start_time_unix_nano)
    if held.kind == "sum":
        if into.HasField("as_int") and point.HasField("as_int"):
            total = into.as_int + point.as_int
            if -(2**63) <= total < 2**63:
                into.as_int = total
            else:
                into.as_double = float(total)
        else:
            into.as_double = _value(into) + _value(point)
        return
    into.count = min(into.count + point.count, 2**64 - 1)
    if into.HasField("sum") and point.HasField("sum"):
        into.sum += point.sum
    else:
        into.ClearField("sum")
    for place, count in enumerate(point.bucket_counts):
        into.bucket_counts[place] = min(into.bucket_counts[place] + count, 2**64 - 1)
    _stretch(into, point, "min", min)
    _stretch(into, point, "max", max)


def _stretch(into: Any, point: Any, name: str, choose: Any) -> None:
    if into.HasField(name) and point.HasField(name):
        setattr(into, name, choose(getattr(into, name), getattr(point, name)))
    else:
        into.ClearField(name)


def _value(point: Any) -> float:
    return float(point.as_int if point.HasField("as_int") else point.as_double)


def _missing(point: Any) -> bool:
    """Whether the point says that there was no value."""
    return bool(point.flags & DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK)

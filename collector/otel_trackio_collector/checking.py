"""Requests checked before they are kept: what no reader could make sense of goes no further.

Garbage is refused as a whole. Points that say nothing, or contradict themselves, are taken out and
counted, and what is left is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_UNSPECIFIED, Metric

from otel_trackio_collector.framing import DELIMITED, fields
from otel_trackio_collector.splitting import REQUEST, Tree, split

PART_BYTES: Final = 1 << 20
"""How much is parsed at a time: empty messages take fifty times their bytes once parsed."""

MAX_HEAD_BYTES: Final = PART_BYTES // 4
"""What a large request may hold in one place that cannot be cut: attributes, one huge point."""

MEAN_FIELD_BYTES: Final = 16
"""Fields of a large request that are smaller than this, on the average, are nothing but frames."""

FIRST_FIELDS: Final = 1_000
"""So many fields may be small before the average counts."""

NO_RECORDED_VALUE: Final = 1
"""The flag of a point that says that there is no value."""

UNTIMED: Final = "have no time"
UNVALUED: Final = "have no value"
UNNAMED: Final = "are of a metric without a name"
UNSPECIFIED: Final = "are of a metric without a temporality"
MISSHAPEN: Final = "have buckets that do not fit their bounds or count"


class Malformed(ValueError):
    """No ExportMetricsServiceRequest, or not one that can be read in bounded memory."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A request fit to be kept, and how many points were taken out of it, with the reasons."""

    body: bytes
    points: int
    rejected: int = 0
    message: str = ""


def check(body: bytes) -> Checked:
    """Counts the request's points and takes out those that cannot be used. Raises Malformed."""
    points, faults, sound = 0, Counter[str](), list[bytes]()
    for part in _parts(body):
        try:
            request = ExportMetricsServiceRequest.FromString(part)
        except DecodeError as error:
            raise Malformed(f"no ExportMetricsServiceRequest: {error}") from None
        found = _faults(request)
        faults += found
        points += _count(request)
        sound.append(request.SerializeToString() if found else part)
    if not faults:
        return Checked(body, points)
    why = "; ".join(f"{amount} points {reason}" for reason, amount in sorted(faults.items()))
    return Checked(b"".join(sound), points, faults.total(), why)


def _parts(body: bytes) -> Iterable[bytes]:
    if len(body) <= PART_BYTES:
        return [body]
    try:
        _look(body, 0, len(body), REQUEST)
        return split(body, PART_BYTES)
    except (ValueError, IndexError) as error:
        raise Malformed(f"no ExportMetricsServiceRequest: {error}") from None


def _look(body: bytes, start: int, end: int, tree: Tree) -> None:
    """Raises ValueError where parts of the request would be many, or cannot be made small."""
    head = 0
    for count, field in enumerate(fields(body, start, end)):
        if count > FIRST_FIELDS and field.end - start < count * MEAN_FIELD_BYTES:
            raise ValueError("too many parts that hold nothing")
        size = field.end - field.start
        below = tree.get(field.number) if field.wire == DELIMITED else None
        if below is None or (not below and size > MAX_HEAD_BYTES):
            head += size
        elif size > PART_BYTES - MAX_HEAD_BYTES:
            _look(body, field.value, field.end, below)
        if head > MAX_HEAD_BYTES:
            raise ValueError(f"more than {MAX_HEAD_BYTES} bytes that belong to one thing")


def _metrics(request: ExportMetricsServiceRequest) -> Iterator[tuple[Metric, Any]]:
    """Each metric that has data, with its data."""
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                if kind is not None:
                    yield metric, getattr(metric, kind)


def _count(request: ExportMetricsServiceRequest) -> int:
    return sum(len(data.data_points) for _, data in _metrics(request))


def _faults(request: ExportMetricsServiceRequest) -> Counter[str]:
    """What is wrong with how many points, which are taken out of the request."""
    found = Counter[str]()
    for metric, data in _metrics(request):
        kind = metric.WhichOneof("data")
        whole = _fault_of_all(metric, data)
        if whole:
            found[whole] += len(data.data_points)
            del data.data_points[:]
            continue
        judge = _JUDGES[str(kind)]
        bad = [place for place, point in enumerate(data.data_points) if judge(point)]
        for place in reversed(bad):
            found[judge(data.data_points[place])] += 1
            del data.data_points[place]
    return +found


def _fault_of_all(metric: Metric, data: Any) -> str:
    if not metric.name:
        return UNNAMED
    temporality = getattr(data, "aggregation_temporality", None)
    return UNSPECIFIED if temporality == AGGREGATION_TEMPORALITY_UNSPECIFIED else ""


def _number(point: Any) -> str:
    if not point.time_unix_nano:
        return UNTIMED
    if point.as_double or point.as_int or point.WhichOneof("value"):
        return ""
    return "" if point.flags & NO_RECORDED_VALUE else UNVALUED


def _histogram(point: Any) -> str:
    if not point.time_unix_nano:
        return UNTIMED
    counts, bounds = point.bucket_counts, point.explicit_bounds
    if not counts and not bounds:
        return ""
    rising = all(low < high for low, high in pairwise(bounds))
    fits = len(counts) == len(bounds) + 1 and sum(counts) == point.count and rising
    return "" if fits else MISSHAPEN


def _exponential(point: Any) -> str:
    if not point.time_unix_nano:
        return UNTIMED
    inside = sum(point.positive.bucket_counts) + sum(point.negative.bucket_counts)
    return "" if inside + point.zero_count == point.count else MISSHAPEN


def _summary(point: Any) -> str:
    return "" if point.time_unix_nano else UNTIMED


_JUDGES: Final = {
    "gauge": _number,
    "sum": _number,
    "histogram": _histogram,
    "exponential_histogram": _exponential,
    "summary": _summary,
}

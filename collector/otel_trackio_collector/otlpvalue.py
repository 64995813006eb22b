"""Values of OTLP messages as the run file has them. Pure."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
)

from otel_trackio.frames import number_to_json
from otel_trackio.plain import plain

MAX_TIME: Final = 2**63
"""Times (ns) from here on are no times: int64 ends."""

MAX_DEPTH: Final = 20
"""Values within values; deeper ones are passed over."""


def value_of(any: AnyValue, depth: int = 0) -> Any:
    """An attribute's value as JSON has it; bytes as base64, as in OTLP/JSON."""
    kind = any.WhichOneof("value")
    if kind is None or depth > MAX_DEPTH:
        return None
    if kind == "bytes_value":
        return base64.b64encode(any.bytes_value).decode()
    if kind == "array_value":
        return [value_of(each, depth + 1) for each in any.array_value.values]
    if kind == "kvlist_value":
        return {each.key: value_of(each.value, depth + 1) for each in any.kvlist_value.values}
    return getattr(any, kind)


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes by name; of two with one name the last."""
    return {each.key: value_of(each.value) for each in pairs}


def canonical(attributes: Mapping[str, Any]) -> str:
    """Attributes as JSON that is equal where they are."""
    return json.dumps(plain(attributes), sort_keys=True) if attributes else "{}"


def number_of(point: Any) -> float | int | None:
    """The value of a number point or an exemplar; None where it has none."""
    kind = point.WhichOneof("value")
    return None if kind is None else getattr(point, kind)


def exemplar_of(exemplar: Exemplar) -> dict[str, Any]:
    """All that an exemplar says."""
    value = number_of(exemplar)
    told = {
        "time": exemplar.time_unix_nano,
        "value": None if value is None else number_to_json(value),
        "trace_id": exemplar.trace_id.hex(),
        "span_id": exemplar.span_id.hex(),
        "attributes": plain(attributes_of(exemplar.filtered_attributes)),
    }
    return {key: value for key, value in told.items() if value not in ("", {})}


def explicit(point: HistogramDataPoint) -> dict[str, Any]:
    """A histogram with bounds as the data of an aggregate."""
    counts = list(point.bucket_counts) or [point.count]
    bounds = [number_to_json(each) for each in point.explicit_bounds]
    return {**_summed_up(point), "bounds": bounds, "counts": counts}


def exponential(point: ExponentialHistogramDataPoint) -> dict[str, Any]:
    """An exponential histogram as the data of an aggregate."""
    data = {**_summed_up(point), "scale": point.scale, "zero_count": point.zero_count}
    if point.zero_threshold:
        data["zero_threshold"] = number_to_json(point.zero_threshold)
    for side in ("positive", "negative"):
        buckets = getattr(point, side)
        data[side] = {"offset": buckets.offset, "counts": list(buckets.bucket_counts)}
    return data


HISTOGRAMS: Final[Mapping[str, Callable[[Any], dict[str, Any]]]] = {
    "histogram": explicit,
    "exponential_histogram": exponential,
}
"""By the name of the field of `Metric` that holds them."""


def _summed_up(point: HistogramDataPoint | ExponentialHistogramDataPoint) -> dict[str, Any]:
    # What was not recorded is told as FORMAT.md has it: no number, a minimum above the maximum.
    shown: dict[str, Any] = {
        "count": point.count,
        "sum": number_to_json(point.sum if point.HasField("sum") else math.nan),
        "min": number_to_json(point.min if point.HasField("min") else math.inf),
        "max": number_to_json(point.max if point.HasField("max") else -math.inf),
    }
    return shown if point.count else {**shown, "min": None, "max": None}

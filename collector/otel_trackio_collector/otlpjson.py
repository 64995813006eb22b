"""OTLP in JSON, which is protobuf's JSON but for ids: those are hexadecimal."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Final

import orjson
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from otel_trackio_collector.checking import Malformed

MAX_BYTES: Final = 4 << 20
"""How large a JSON request may be: parsed it takes twenty times that, and long."""

# Each level as JSON spells it, and as protobuf does, which its JSON may use too.
_LEVELS: Final = (
    ("resourceMetrics", "resource_metrics"),
    ("scopeMetrics", "scope_metrics"),
    ("metrics",),
    ("gauge", "sum", "histogram", "exponentialHistogram", "exponential_histogram"),
    ("dataPoints", "data_points"),
    ("exemplars",),
)
_IDS: Final = ("traceId", "trace_id", "spanId", "span_id")


def decode(body: bytes) -> bytes:
    """The request as protobuf bytes. Raises Malformed. Fields that we do not know are left out."""
    try:
        content = orjson.loads(body)
        if not isinstance(content, dict):
            raise ValueError("it is no object")
        for exemplar in _inside([content], 0):
            for key in _IDS:
                if isinstance(exemplar.get(key), str):
                    exemplar[key] = base64.b64encode(bytes.fromhex(exemplar[key])).decode()
        request = json_format.ParseDict(
            content, ExportMetricsServiceRequest(), ignore_unknown_fields=True
        )
        return request.SerializeToString()
    except (json_format.Error, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Malformed(f"no ExportMetricsServiceRequest in JSON: {str(error)[:300]}") from None


def _inside(objects: list[Any], level: int) -> Iterator[dict[str, Any]]:
    """The exemplars; what has another shape is left to the parser to complain of."""
    for each in objects:
        if not isinstance(each, dict):
            continue
        if level == len(_LEVELS):
            yield each
            continue
        for key in _LEVELS[level]:
            below = each.get(key, [])
            yield from _inside(below if isinstance(below, list) else [below], level + 1)

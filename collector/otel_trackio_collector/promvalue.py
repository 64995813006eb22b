"""What single values of OTLP are to Prometheus: attributes as text, points as floats, and steps.

Pure.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import DataPointFlags, Exemplar, NumberDataPoint

from otel_trackio.semconv import TRAINING_STEP
from otel_trackio_collector.otlpvalue import value_of

NO_RECORDED_VALUE: Final = int(DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK)
"""The flag of a point that says that its series has ended."""

STALE: Final = 0x7FF0000000000002
"""The bits of the NaN by which Prometheus knows the same."""

STALE_NAN: Final[float] = struct.unpack("<d", struct.pack("<Q", STALE))[0]


@dataclass(frozen=True, slots=True)
class Moment:
    """A measurement that an exemplar keeps: its time in ns, its value, and its step."""

    time: int
    value: float
    step: int


def text_of(value: AnyValue) -> str:
    """An attribute's value as the official translator writes it into a label."""
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return "true" if value.bool_value else "false"
        case "double_value":
            return _double_text(value.double_value)
        case "array_value" | "kvlist_value":
            plain = value_of(value)
            return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        case None:
            return ""
        case _:
            return str(value_of(value))


def number_text(value: float) -> str:
    """The number in the fewest digits, without an exponent: `0.005`, `5`, `+Inf`."""
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return np.format_float_positional(value, trim="-")


def _double_text(value: float) -> str:
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return number_text(value)
    return repr(value).replace("e-0", "e-")


def told(attributes: Iterable[KeyValue]) -> Iterator[tuple[str, str]]:
    """Attributes of a point as text, but for the step: it is no label."""
    return ((each.key, text_of(each.value)) for each in attributes if each.key != TRAINING_STEP)


def sample_of(point: NumberDataPoint | Exemplar) -> float:
    """Its number; of a point that has none, the NaN that ends a series."""
    if point.HasField("as_double"):
        return point.as_double
    if point.HasField("as_int"):
        return float(point.as_int)
    return STALE_NAN


def is_stale(value: float) -> bool:
    """Whether it is the NaN that ends a series."""
    return struct.pack("<d", value) == struct.pack("<Q", STALE)


def step_of(exemplar: Exemplar) -> int | None:
    """The step at which it was measured, if it says so."""
    for each in exemplar.filtered_attributes:
        if each.key == TRAINING_STEP:
            return step_in(each.value)
    return None


def step_in(value: AnyValue) -> int | None:
    """The step that an attribute's value is; None where it is no integer."""
    return value.int_value if value.HasField("int_value") else None


def moments_of(exemplars: Iterable[Exemplar]) -> list[Moment]:
    """The exemplars that say at which step they were measured, by time."""
    found = [
        Moment(each.time_unix_nano, sample_of(each), step)
        for each in exemplars
        if (step := step_of(each)) is not None
    ]
    return sorted(found, key=lambda moment: moment.time) if len(found) > 1 else found

"""Histograms as Prometheus counts them: a sum, a count, and how many were at most each bound.

Exponential ones get the bounds 2**k, into which buckets of every scale of 0 and above fold
exactly, so that a series' bounds stay where they are when its scale changes. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
)

from otel_trackio_collector.promvalue import number_text

MAX_EXPONENT: Final = 1023
"""Of the largest bound 2**k that a float can hold; what lies above is counted by `+Inf` alone."""

MIN_EXPONENT: Final = -1074
"""Of the smallest."""

SUM: Final = "sum"
COUNT: Final = "count"

Parts = dict[str, float]
"""What a point adds up to: `sum` where it has one, `count`, and by upper bound what is between."""


def explicit(point: HistogramDataPoint) -> Parts:
    """What a histogram with bounds of its own adds up to."""
    parts = _head(point)
    for bound, count in zip(point.explicit_bounds, point.bucket_counts, strict=False):
        parts[repr(bound)] = parts.get(repr(bound), 0.0) + count
    return parts


def exponential(point: ExponentialHistogramDataPoint) -> Parts:
    """The same for an exponential one; a count at a negative bound is of what lies below it."""
    parts = _head(point)
    for index, count in _counted(point.negative):
        exponent = index >> point.scale if point.scale >= 0 else index << -point.scale
        _count(parts, -_power(exponent), count)
    if point.zero_count:
        _count(parts, point.zero_threshold, point.zero_count)
    for index, count in _counted(point.positive):
        upper = index + 1
        exponent = -(-upper >> point.scale) if point.scale >= 0 else upper << -point.scale
        if exponent <= MAX_EXPONENT:
            _count(parts, _power(exponent), count)
    return parts


def _head(point: HistogramDataPoint | ExponentialHistogramDataPoint) -> Parts:
    parts = {COUNT: float(point.count)}
    if point.HasField("sum"):
        parts[SUM] = point.sum
    return parts


def _count(parts: Parts, bound: float, count: int) -> None:
    parts[repr(bound)] = parts.get(repr(bound), 0.0) + count


def _counted(buckets: ExponentialHistogramDataPoint.Buckets) -> Iterator[tuple[int, int]]:
    """Bucket i of scale s is (2**(i / 2**s), 2**((i + 1) / 2**s)]."""
    return (each for each in enumerate(buckets.bucket_counts, buckets.offset) if each[1])


def _power(exponent: int) -> float:
    return math.ldexp(1.0, min(max(exponent, MIN_EXPONENT), MAX_EXPONENT))


def buckets(parts: Parts) -> Iterator[tuple[str, float]]:
    """Each bound as text with how many were at most that, ending with `+Inf`."""
    bounds = sorted(float(bound) for bound in parts if bound not in (SUM, COUNT))
    running = 0.0
    for bound in bounds:
        running += parts[repr(bound)]
        if bound != math.inf:
            yield number_text(bound), running
    yield "+Inf", parts[COUNT]

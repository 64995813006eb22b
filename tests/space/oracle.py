"""What charts must show, computed plainly from what was logged: no code of ours.

Written from FORMAT.md (buckets, which point counts) and from what the dashboard says of itself
(smoothing, groups, outliers). Slow and simple on purpose.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Bucket:
    """The points at `start` and on, before `start` + width; None where none is finite."""

    start: int
    mean: float | None
    min: float | None
    max: float | None
    count: int
    nan: int
    inf: int
    ninf: int


def counting(points: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    """Of points at one step the last that was logged counts; by step."""
    return sorted(dict(points).items())


def width(lo: int, hi: int, most: int) -> int:
    """The smallest power of two at which at most `most` aligned buckets cover `lo` to `hi`."""
    found = 1
    while hi // found - lo // found + 1 > most:
        found *= 2
    return found


def buckets(points: Iterable[tuple[int, float]], width: int) -> list[Bucket]:
    """Aligned at zero; those without a point are left out."""
    held: dict[int, list[float]] = {}
    for step, value in counting(points):
        held.setdefault(step // width, []).append(value)
    return [_bucket(index * width, values) for index, values in sorted(held.items())]


def _bucket(start: int, values: Sequence[float]) -> Bucket:
    finite = [value for value in values if math.isfinite(value)]
    return Bucket(
        start,
        math.fsum(finite) / len(finite) if finite else None,
        min(finite, default=None),
        max(finite, default=None),
        len(values),
        sum(map(math.isnan, values)),
        sum(value == math.inf for value in values),
        sum(value == -math.inf for value in values),
    )


def smoothed(x: Sequence[float], y: Sequence[float | None], half_life: float) -> list[float | None]:
    """The mean of all values up to each, older ones counting less: half for each `half_life` of x.

    A value counts for the time that it stands for, which is that since the one before it; the
    first stands for as long as the second. What is missing or not finite takes no part.
    """
    held = [(at, v) for at, v in zip(x, y, strict=True) if v is not None and math.isfinite(v)]
    gaps = [after - before for (before, _), (after, _) in itertools.pairwise(held)]
    stands = [gaps[0] if gaps else 1.0, *gaps]
    # How much of the time that a value stands for is left at its own x, and not yet forgotten.
    counts = [1 - 2 ** (-long / half_life) for long in stands]
    found = {}
    for place, (at, _) in enumerate(held):
        past = range(place + 1)
        weights = [counts[each] * 2 ** ((held[each][0] - at) / half_life) for each in past]
        total = math.fsum(weights[each] * held[each][1] for each in past)
        found[at] = total / math.fsum(weights)
    return [found.get(at) if value is not None else None for at, value in zip(x, y, strict=True)]


@dataclass(frozen=True, slots=True)
class Group:
    """Of several curves at one x: their mean, extremes, and deviation over n - 1, 0 of one."""

    x: float
    mean: float
    min: float
    max: float
    deviation: float


def group(curves: Iterable[Iterable[tuple[float, float | None]]]) -> list[Group]:
    """Curves that share a grid, as one, each counting the same: at every x that has a value."""
    held: dict[float, list[float]] = {}
    for curve in curves:
        for x, y in curve:
            if y is not None:
                held.setdefault(x, []).append(y)
    return [
        Group(x, float(np.mean(y)), min(y), max(y), float(np.std(y, ddof=1)) if y[1:] else 0.0)
        for x, y in sorted(held.items())
    ]


def clipped(values: Iterable[float], margin: float = 0.05) -> tuple[float, float]:
    """The range of y from the 1st percentile of the finite values to the 99th, and a margin."""
    finite = np.array([value for value in values if math.isfinite(value)])
    low, high = np.quantile(finite, (0.01, 0.99))
    room = margin * (high - low)
    return float(low - room), float(high + room)

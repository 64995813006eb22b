"""Aggregates of histograms as they were stored, made sense of: how many values lay where. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from otel_trackio.chunk import Floats

MAX_SCALE: Final = 64
"""Scales of exponential histograms beyond this, or below minus this, make no sense."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Buckets that hold something, ascending: `n` values above `lo` and up to `hi`, which may be
    infinite; where both are equal, just there."""

    lo: Floats
    hi: Floats
    n: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Explicit:
    """Buckets between bounds; `edges` are one more than `counts`, the outer ones infinite."""

    edges: Floats
    counts: Floats

    def since(self, before: Bins) -> Bins | None:
        """What came after an earlier total; None where this is no later one."""
        if not isinstance(before, Explicit) or not np.array_equal(self.edges, before.edges):
            return None
        fresh = self.counts - before.counts
        return None if (fresh < 0).any() else Explicit(self.edges, fresh)

    def spread(self) -> Spread:
        held = self.counts > 0
        return Spread(self.edges[:-1][held], self.edges[1:][held], self.counts[held])


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """Buckets of one sign by index, from the first that holds something to the last."""

    first: int
    counts: Floats

    @property
    def end(self) -> int:
        return self.first + len(self.counts)

    def coarser(self, by: int) -> Side:
        """With 2**by buckets in one."""
        index = (self.first + np.arange(len(self.counts))) >> by
        first = self.first >> by
        counts = np.zeros(int(index[-1]) - first + 1 if len(index) else 0)
        np.add.at(counts, index - first, self.counts)
        return Side(first, counts)

    def since(self, before: Side) -> Side | None:
        if not len(before.counts):
            return self
        if before.first < self.first or before.end > self.end:
            return None
        fresh = self.counts.copy()
        fresh[before.first - self.first : before.end - self.first] -= before.counts
        return None if (fresh < 0).any() else Side(self.first, fresh)


@dataclass(frozen=True, slots=True, eq=False)
class Exponential:
    """Buckets whose bounds grow by 2**(2**-scale), on both sides of those that are 0."""

    scale: int
    zero: float
    positive: Side
    negative: Side

    def since(self, before: Bins) -> Bins | None:
        """What came after an earlier total; None where this is no later one."""
        if not isinstance(before, Exponential) or before.scale < self.scale:
            return None
        by = before.scale - self.scale
        positive = self.positive.since(before.positive.coarser(by))
        negative = self.negative.since(before.negative.coarser(by))
        if positive is None or negative is None or self.zero < before.zero:
            return None
        return Exponential(self.scale, self.zero - before.zero, positive, negative)

    def spread(self) -> Spread:
        up = bounds(self.scale, self.positive.first, self.positive.end)
        down = -bounds(self.scale, self.negative.first, self.negative.end)[::-1]
        lo = np.concatenate([down[:-1], [0.0], up[:-1]])
        hi = np.concatenate([down[1:], [0.0], up[1:]])
        n = np.concatenate([self.negative.counts[::-1], [self.zero], self.positive.counts])
        held = n > 0
        return Spread(lo[held], hi[held], n[held])


Bins: TypeAlias = Explicit | Exponential


@dataclass(frozen=True, slots=True, eq=False)
class Aggregate:
    """What was measured: NaN is what is not known. `nonfinite` values are not among `count`."""

    count: float
    sum: float
    min: float
    max: float
    nonfinite: float
    bins: Bins

    def since(self, before: Aggregate) -> Aggregate | None:
        """What came after an earlier total; None where this is no later one."""
        bins = self.bins.since(before.bins)
        if bins is None or self.count < before.count:
            return None
        return Aggregate(
            self.count - before.count,
            self.sum - before.sum,
            self.min if self.min != before.min else np.nan,  # Else it may be of earlier values.
            self.max if self.max != before.max else np.nan,
            max(self.nonfinite - before.nonfinite, 0),
            bins,
        )


def bounds(scale: int, first: int, end: int) -> Floats:
    """Bounds of the buckets of an exponential histogram from `first` to before `end`."""
    with np.errstate(over="ignore", under="ignore"):
        return np.exp2(np.ldexp(np.arange(first, end + 1, dtype=np.float64), -scale))


def aggregate_of(data: Any) -> Aggregate | None:
    """The data of an aggregate, as FORMAT.md has it; None where they make no sense."""
    try:
        return _aggregate(data)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        return None


def _aggregate(data: Mapping[str, Any]) -> Aggregate:
    bins = _exponential(data) if "scale" in data else _explicit(data)
    least, most = _number(data.get("min")), _number(data.get("max"))
    if not least <= most:  # That of nothing, or not recorded.
        least = most = np.nan
    count, nonfinite = _amounts([data["count"], data.get("nonfinite", 0)])
    return Aggregate(float(count), _number(data.get("sum")), least, most, float(nonfinite), bins)


def _explicit(data: Mapping[str, Any]) -> Explicit:
    counts = _amounts(data["counts"])
    edges = np.concatenate([[-np.inf], _numbers(data.get("bounds", [])), [np.inf]])
    if len(edges) != len(counts) + 1 or not (edges[1:] >= edges[:-1]).all():
        raise ValueError("the bounds do not fit the counts")
    wide = edges[1:] > edges[:-1]  # An infinite bound makes a bucket of nothing.
    if counts[~wide].any():
        raise ValueError("an empty bucket holds values")
    return Explicit(np.append(edges[:-1][wide], np.inf), counts[wide])


def _exponential(data: Mapping[str, Any]) -> Exponential:
    scale = data["scale"]
    if not isinstance(scale, int) or abs(scale) > MAX_SCALE:
        raise ValueError("no scale")
    positive, negative = (_side(data.get(name, {})) for name in ("positive", "negative"))
    (zero,) = _amounts([data.get("zero_count", 0)])
    found = Exponential(scale, float(zero), positive, negative)
    for side in (positive, negative):
        edges = bounds(scale, side.first, side.end)
        if (side.counts[edges[1:] <= edges[:-1]] > 0).any():
            raise ValueError("values beyond all floats")
    return found


def _side(data: Mapping[str, Any]) -> Side:
    counts = _amounts(data.get("counts", []))
    first = data.get("offset", 0)
    if not isinstance(first, int) or abs(first) >= 2**31:
        raise ValueError("no offset")
    (held,) = np.nonzero(counts)
    if not len(held):
        return Side(0, counts[:0])
    return Side(first + int(held[0]), counts[held[0] : held[-1] + 1])


def _amounts(values: Any) -> Floats:
    found = _numbers(values)
    if not ((found >= 0) & np.isfinite(found)).all():
        raise ValueError("no amounts")
    return found


def _numbers(values: Any) -> Floats:
    """Numbers, or what JSON has instead of those that it does not hold."""
    found = np.asarray(values, np.float64)
    if found.ndim != 1:
        raise ValueError("no list of numbers")
    return found


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)

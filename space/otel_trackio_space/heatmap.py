"""Many distributions as one picture of bounded size: columns along x, rows of values. Pure."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from otel_trackio import rollup
from otel_trackio.chunk import Floats
from otel_trackio.model import Ints
from otel_trackio_space.aggregate import Aggregate, Explicit, Exponential, Side, Spread, bounds

MAX_COLUMNS: Final = 200
"""Columns of a picture."""

MAX_ROWS: Final = 48
"""Rows of a picture."""

SINGLE_ROWS: Final = 9
"""Rows around a single value, which lies in the middle one."""

FEW: Final = 0.005
"""Part of the values, at each end, that may be far from all others."""

FAR: Final = 4.0
"""So many times as far as those others reach."""

GREATEST: Final = sys.float_info.max

CELL_DIGITS: Final = 3
"""Significant digits of the part of a value that lies in a cell; whole values are all told."""

MAX_PLACES: Final = 15
"""Decimal places that are told."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What was measured at one place of the x axis; `whole` if it is of one moment, not of the
    time since the one before."""

    x: int
    aggregate: Aggregate
    whole: bool


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of values between edges, of which the outer may be infinite; `even` if those between
    finite ones are of one height in values."""

    edges: Floats
    even: bool

    def filled(self, spread: Spread) -> Floats:
        """How many values lie in each; what lies across several is shared out evenly."""
        point = ~(np.isfinite(spread.lo) & np.isfinite(spread.hi)) | (spread.lo == spread.hi)
        found = np.zeros(len(self.edges) - 1)
        row = np.searchsorted(self.edges, _places(spread)[point], "left") - 1
        np.add.at(found, row.clip(0, len(found) - 1), spread.n[point])
        if point.all():
            return found
        wide = spread.n[~point]
        below = np.cumsum(wide)
        x = np.stack([spread.lo[~point], spread.hi[~point]], 1).ravel()
        share = np.interp(self.edges, x, np.stack([below - wide, below], 1).ravel())
        share[0], share[-1] = 0, below[-1]
        found += np.diff(np.maximum.accumulate(share))  # Rounding may go down a little.
        return found


def _places(spread: Spread) -> Floats:
    """Where to put values of which only one bound is known: next to it."""
    above = np.nextafter(spread.lo, np.inf)
    return np.where(np.isinf(spread.lo), spread.hi, np.where(np.isinf(spread.hi), above, spread.lo))


def heatmap(samples: Sequence[Sample], stepped: bool) -> dict[str, Any]:
    """The picture as the API has it, for orjson with numpy; x is in steps or ns."""
    x, column, width = _columns(np.array([each.x for each in samples], np.int64), stepped)
    spreads = [_spread(each) for each in samples]
    rows = _rows(samples, spreads)
    cells = np.zeros((len(x), len(rows.edges) - 1))
    for place, spread in zip(column, spreads, strict=True):
        if len(spread.n):
            cells[place] += rows.filled(spread)
    return {
        "width": width,
        "x": x,
        "edges": rows.edges,
        "even": rows.even,
        "cells": _shortened(cells).tolist(),
        **_told(samples, column, len(x)),
    }


def _shortened(cells: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        size = np.floor(np.log10(cells))
    power = 10.0 ** np.clip(CELL_DIGITS - 1 - size, 0, MAX_PLACES)
    found: Floats = np.rint(cells * power) / power
    return found


def _columns(x: Ints, stepped: bool) -> tuple[Ints, Ints, int]:
    """Where the columns that hold something begin, the column of each sample, and their width."""
    known, column = np.unique(x, return_inverse=True)
    if not len(x) or (stepped and len(known) <= MAX_COLUMNS):
        return known, column, 1
    width = rollup.width_for(int(x.min()), int(x.max()), MAX_COLUMNS)
    index, column = np.unique(x // width, return_inverse=True)
    return index * width, column, width


def _told(samples: Sequence[Sample], column: Ints, columns: int) -> dict[str, Any]:
    """What was measured in each column: NaN is what is not known."""
    count, total, nonfinite = np.zeros((3, columns))
    least, most = np.full((2, columns), np.nan)
    own = [each.aggregate for each in samples]
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        np.add.at(count, column, [each.count for each in own])
        np.add.at(nonfinite, column, [each.nonfinite for each in own])
        np.add.at(total, column, [each.sum if each.count else 0.0 for each in own])
        np.fmin.at(least, column, [each.min for each in own])
        np.fmax.at(most, column, [each.max for each in own])
        mean = total / count
    return {"count": count, "mean": mean, "min": least, "max": most, "nonfinite": nonfinite}


def _spread(sample: Sample) -> Spread:
    """Its buckets; those of one moment, and a single one, end where its values do, if known."""
    own, found = sample.aggregate, sample.aggregate.bins.spread()
    if not len(found.n):
        return found
    lo, hi = found.lo.copy(), found.hi.copy()
    single = np.isinf(lo[0]) and np.isinf(hi[0])
    if np.isinf(lo[0]) and (sample.whole or single) and own.min <= hi[0]:
        lo[0] = own.min
    if np.isinf(hi[-1]) and (sample.whole or single) and own.max >= lo[-1]:
        hi[-1] = own.max
    if np.isinf(lo[0]) and np.isinf(hi[0]):
        lo[0] = hi[0] = own.sum / own.count if own.count else np.nan
    known = ~np.isnan(lo)
    return Spread(lo[known], hi[known], found.n[known])


def _rows(samples: Sequence[Sample], spreads: Sequence[Spread]) -> Rows:
    """Such that what was recorded fits into them, where buckets are the same all the time."""
    bins = [each.aggregate.bins for each in samples]
    known = np.unique([end for each in spreads if len(each.n) for end in (each.lo[0], each.hi[-1])])
    if len(known) > 1 and all(isinstance(each, Exponential) for each in bins):
        return Rows(_grown([each for each in bins if isinstance(each, Exponential)]), even=False)
    explicit = [each.edges for each in bins if isinstance(each, Explicit) and len(each.edges) > 2]
    if len(known) > 1 and explicit and not any(each.whole for each in samples):
        edges = np.unique(np.concatenate([*explicit, known]))
        edges = edges[(edges >= known[0]) & (edges <= known[-1])]
        every = -(-(len(edges) - 1) // MAX_ROWS)
        return Rows(np.unique(np.append(edges[::every], edges[-1])), even=False)
    return Rows(_even(spreads), even=True)


def _even(spreads: Sequence[Spread]) -> Floats:
    """Edges of rows of one height. A few values far from all others share the outer rows."""
    ends = [end for each in spreads for end in (each.lo, each.hi)]
    known: Floats = np.concatenate([*ends, np.zeros(0)])
    known = known[np.isfinite(known)]
    if not len(known):
        return np.array([-np.inf, np.inf])
    low, high = float(known.min()), float(known.max())
    if low == high:
        margin = abs(low) / 10 or 1.0
        return _between(low - margin, low + margin, SINGLE_ROWS)
    left, right = _most(spreads)
    half = right / 2 - left / 2
    if not 0 < FAR * half < high / 2 - low / 2:
        return _between(low, high, MAX_ROWS)
    first, last = max(low, left - half), min(high, right + half)
    below, above = [-np.inf] * (low < first), [np.inf] * (high > last)
    return np.concatenate([below, _between(first, last, MAX_ROWS - 2), above])


def _most(spreads: Sequence[Spread]) -> tuple[float, float]:
    """Between which values all but a few lie, each distribution counting the same."""
    held = [each for each in spreads if len(each.n)]
    lo, hi = (np.concatenate([getattr(each, end) for each in held]) for end in ("lo", "hi"))
    weight = np.concatenate([each.n / each.n.sum() for each in held])
    middle = np.where(np.isfinite(lo), lo, hi) / 2 + np.where(np.isfinite(hi), hi, lo) / 2
    order = np.argsort(middle)
    below = np.cumsum(weight[order])
    places = np.searchsorted(below, [FEW * below[-1], (1 - FEW) * below[-1]])
    left, right = middle[order][places.clip(0, len(middle) - 1)]
    return float(left), float(right)


def _between(low: float, high: float, rows: int) -> Floats:
    low, high = max(low, -GREATEST), min(high, GREATEST)
    halves = np.linspace(low / 2, high / 2, rows + 1)  # Their span is finite.
    return np.unique(2 * halves)


def _grown(found: Sequence[Exponential]) -> Floats:
    """Edges that the buckets of all these have, too, at the finest scale that is not too many."""
    scale = min(each.scale for each in found)
    sides = [
        _extent([getattr(each, name).coarser(each.scale - scale) for each in found])
        for name in ("negative", "positive")
    ]
    between = all(sides) or any(each.zero for each in found)
    while sum(end - first for first, end in filter(None, sides)) + between > MAX_ROWS:
        scale -= 1
        sides = [each and (each[0] >> 1, ((each[1] - 1) >> 1) + 1) for each in sides]
    down, up = (bounds(scale, *each) if each else np.zeros(int(between)) for each in sides)
    return np.concatenate([0 - down[::-1], up])


def _extent(sides: Sequence[Side]) -> tuple[int, int] | None:
    held = [each for each in sides if len(each.counts)]
    if not held:
        return None
    return min(each.first for each in held), max(each.end for each in held)

"""Rounding for the wire: few digits, and no difference that a chart or its reader could see. Pure.

A value keeps DIGITS significant ones, which log axes and tooltips show, or more, where the curve
varies little beside its size; one that needs all of a float64's stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from otel_trackio.chunk import Floats

DIGITS: Final = 7
"""Significant digits, those of float32."""

FINEST: Final = 1e-5
"""Of the extent of most of a curve: what is smaller no screen has a dot for."""

EXACT: Final = 15
"""Significant digits that a float64 holds of any decimal."""

POWERS: Final = 10.0 ** np.arange(23)
"""Powers of ten that a float64 holds exactly; smaller values than these scale stay as they are."""


def rounded(curves: Sequence[Floats], digits: int = DIGITS) -> list[Floats]:
    """Curves with rounded values. Integers stay whole, NaN stays NaN."""
    if not curves:
        return []
    sizes = [len(each) for each in curves]
    finest = np.repeat([_decimals(FINEST * _extent(each)) for each in curves], sizes)
    value = np.concatenate(curves)
    size = _size(value)
    places = np.maximum(digits - 1 - size, finest)
    power = POWERS[places.clip(0, len(POWERS) - 1)]
    with np.errstate(invalid="ignore", over="ignore"):
        shorter = np.rint(value * power) / power
    kept = ~np.isfinite(shorter) | (size < digits - len(POWERS)) | (places > EXACT - 1 - size)
    return np.split(np.where(kept, value, shorter), np.cumsum(sizes)[:-1])


def _extent(curve: Floats) -> float:
    """From the 5th to the 95th hundredth of its values, or over all where these are one value."""
    known = np.sort(curve[np.isfinite(curve)])
    if not len(known):
        return 0.0
    with np.errstate(over="ignore"):
        most = known[len(known) * 95 // 100] - known[len(known) * 5 // 100]
        return float(most or known[-1] - known[0])


def _decimals(resolution: float) -> int:
    """Decimal places that tell values apart which differ by as much."""
    if not 0 < resolution < np.inf:
        return -400
    return int(np.ceil(-np.log10(resolution)))


def _size(value: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The power of ten of the first digit."""
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.floor(np.log10(np.abs(value)))
    return np.where(np.isfinite(size), size, 0).astype(np.int64)

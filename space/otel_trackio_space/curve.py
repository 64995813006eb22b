"""A curve as the API has it: from buckets to columns of numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otel_trackio.chunk import Floats
from otel_trackio.rollup import Buckets
from otel_trackio_space.digits import rounded

BAND_DIGITS: Final = 5
"""Significant digits of least and greatest values, which are drawn as a band."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Buckets of one rank of a run, and where each lies on the x axis."""

    run: str
    rank: int
    x: NDArray[Any]
    buckets: Buckets

    def kept(self, where: Any) -> Curve:
        """Some of the buckets, by mask or in another order."""
        b = self.buckets
        columns = (b.index, b.count, b.nan, b.pos_inf, b.neg_inf, b.last_seq)
        numbers = (b.min, b.max, b.sum, b.last)
        some = Buckets(b.width, *(each[where] for each in (*columns, *numbers)))
        return Curve(self.run, self.rank, self.x[where], some)


def means(buckets: Buckets) -> Floats:
    """The mean of the finite values of each bucket; NaN where there are none."""
    finite = buckets.count - buckets.nan - buckets.pos_inf - buckets.neg_inf
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = buckets.sum / finite
        # A sum may leave the range of float64, where its mean does not.
        middle = buckets.min / 2 + buckets.max / 2
    return np.where((finite > 0) & ~np.isfinite(mean), middle, mean)


def columns(curves: Sequence[Curve]) -> list[dict[str, Any]]:
    """As the API has them, for orjson with numpy."""
    bands = [each for each in curves if (each.buckets.count > 1).any()]
    y = rounded([means(each.buckets) for each in curves])
    low = iter(rounded([each.buckets.min for each in bands], BAND_DIGITS))
    high = iter(rounded([each.buckets.max for each in bands], BAND_DIGITS))
    wide = {id(each) for each in bands}
    return [
        {"run": each.run, "rank": each.rank, "x": _x(each), "y": mean}
        | (_band(each, low, high) if id(each) in wide else {})
        | _marks(each)
        for each, mean in zip(curves, y, strict=True)
    ]


def _x(curve: Curve) -> NDArray[Any]:
    return np.ascontiguousarray(curve.x)


def _band(curve: Curve, low: Iterator[Floats], high: Iterator[Floats]) -> dict[str, Any]:
    return {"min": next(low), "max": next(high), "n": np.ascontiguousarray(curve.buckets.count)}


def _marks(curve: Curve) -> dict[str, Any]:
    b = curve.buckets
    amounts = {"nan": b.nan, "inf": b.pos_inf, "ninf": b.neg_inf}
    x = _x(curve)
    return {name: x[amount > 0] for name, amount in amounts.items()}

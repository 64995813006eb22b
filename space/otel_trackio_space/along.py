"""Curves along another metric: what it was at the steps of each bucket. Pure."""

from __future__ import annotations

import numpy as np

from otel_trackio.model import Ints
from otel_trackio.piece import Span
from otel_trackio.rollup import Buckets
from otel_trackio_space.curve import Curve, means
from otel_trackio_space.digits import rounded


def placed(curve: Curve, along: Buckets) -> Curve:
    """The curve by the mean of the other metric in the same bucket of steps, ascending.

    Between steps at which that one is known it is interpolated; beyond them there is no curve.
    Both have buckets of one width.
    """
    position = means(along)
    known = np.isfinite(position)
    index, position = along.index[known], position[known]
    if not len(index):
        return curve.kept(slice(0))
    x = np.interp(curve.buckets.index, index, position, left=np.nan, right=np.nan)
    order: Ints = np.argsort(x, kind="stable")
    there = order[~np.isnan(x[order])]
    return Curve(curve.run, curve.rank, rounded([x])[0], curve.buckets).kept(there)


def steps_within(along: Buckets, lo: float | None, hi: float | None) -> Span | None:
    """From the first to the last step at which the other metric may be between two values."""
    inside = np.ones(len(along), dtype=bool)
    if lo is not None:
        inside &= along.max >= lo
    if hi is not None:
        inside &= along.min <= hi
    index = along.index[inside]
    if not len(index):
        return None
    return int(index[0]) * along.width, (int(index[-1]) + 1) * along.width - 1

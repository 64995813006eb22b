"""Histograms of other trackers as ours: bounds, and how many values lie between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from otel_trackio.frames import number_to_json

EMPTY: Final = {"count": 0, "nonfinite": 0, "sum": 0, "min": None, "max": None, "counts": [0]}


def between(edges: Sequence[float], counts: Sequence[float]) -> dict[str, Any] | None:
    """The data of a histogram of n counts between n + 1 edges; None where that makes no sense.

    What it was made of is not known: its sum is that of the middles of its buckets.
    """
    if not counts:
        return dict(EMPTY, bounds=[])
    if len(edges) != len(counts) + 1 or not all(map(math.isfinite, [*edges, *counts])):
        return None
    middles = [one / 2 + other / 2 for one, other in pairwise(edges)]
    total = sum(middle * amount for middle, amount in zip(middles, counts, strict=True))
    return bounded(edges, [0, *counts, 0], total, edges[0], edges[-1])


def bounded(
    bounds: Sequence[float], counts: Sequence[float], total: float, least: float, most: float
) -> dict[str, Any] | None:
    """The same of n + 1 counts around n bounds, where sum, minimum and maximum are known."""
    rising = all(one < other for one, other in pairwise(bounds))
    whole = all(each >= 0 and each == int(each) for each in counts)
    if len(counts) != len(bounds) + 1 or not rising or not whole:
        return None
    kept = [  # Of buckets that follow one another and are empty, one says as much.
        place for place in range(len(bounds)) if counts[place] or counts[place + 1]
    ]
    return {
        "count": sum(map(int, counts)),
        "nonfinite": 0,
        "sum": number_to_json(total),
        "min": number_to_json(least),
        "max": number_to_json(most),
        "bounds": [bounds[place] for place in kept],
        "counts": [int(counts[place]) for place in [*kept, len(bounds)]],
    }

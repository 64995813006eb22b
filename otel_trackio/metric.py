"""A metric of a run: what its users call it, and how it stands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from otel_trackio.model import Kind, Series


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as its lowest rank recorded it; `ranks` are all that did.

    `count` is of all points, `nonfinite` of NaN and infinities among those that count; `min` and
    `max` are of the finite ones, as float64. `last` is the last value in the order (attempt,
    writer, seq), exact, and `last_step` its step. A counter is given as its running total.
    Histograms have a count alone, over all ranks.
    """

    key: str
    kind: Kind
    unit: str
    description: str
    scope: str
    ranks: tuple[int, ...]
    count: int
    nonfinite: int = 0
    last: float | int | None = None
    min: float | None = None
    max: float | None = None
    last_step: int | None = None


@lru_cache(maxsize=65536)
def key_of(series: Series) -> str:
    """How users call a series: its key, with the attributes in braces if it has any."""
    attributes = json.loads(series.attributes)
    if not attributes:
        return series.key
    return f"{series.key}{{{','.join(f'{k}={_shown(v)}' for k, v in attributes.items())}}}"


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)

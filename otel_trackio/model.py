"""The values that flow from recording to reading: frozen, no I/O, no OpenTelemetry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

NO_STEP: Final = -(2**63)
"""Stands for "no step" in every int64 step column (NULL in SQL); no user step may have it."""

Ints: TypeAlias = NDArray[np.int64]
Values: TypeAlias = NDArray[Any]
"""float64, int64, or object holding Python floats and ints of any size: never rounded."""

Kind = Literal["gauge", "counter", "up_down_counter", "histogram"]
Temporality = Literal["", "delta", "cumulative"]


@dataclass(frozen=True, slots=True)
class Series:
    """What makes points belong together, within one writer.

    `key` is the name as the user wrote it; `name` the OpenTelemetry name. `attributes` is
    canonical JSON. A `delta` counter stores increments; readers show running totals.
    """

    key: str
    kind: Kind = "gauge"
    temporality: Temporality = ""
    name: str = ""
    unit: str = ""
    description: str = ""
    attributes: str = "{}"
    scope: str = ""
    scope_version: str = ""
    rank: int = 0

    @property
    def increments(self) -> bool:
        """Whether its points are increments, and readers show their running total."""
        return self.temporality == "delta" and self.kind != "histogram"


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points of one series, in the order they were recorded.

    `step` int64 (NO_STEP where none), `time` int64 nanoseconds since the epoch, `value` as
    recorded. All have one length.
    """

    step: Ints
    time: Ints
    value: Values

    def __len__(self) -> int:
        return len(self.step)


@dataclass(frozen=True, slots=True)
class Histogram:
    """One aggregate of a histogram series: `data` holds count, sum, min, max and buckets."""

    step: int
    time: int
    start: int
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """Something shown beside the curves: an alert, a table, an annotation."""

    kind: str
    key: str
    step: int
    time: int
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """A fact about the run; facts order by (lamport, writer, seq) and the last one wins."""

    kind: str
    time: int
    data: dict[str, Any]
    lamport: int = 0
    writer: str = ""
    seq: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Numbered points of one stored series: its id in the run file, rising `seq`, the points."""

    series: int
    seq: Ints
    points: Points

    def __len__(self) -> int:
        return len(self.seq)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one collection of instruments brings to the store."""

    points: tuple[tuple[Series, Points], ...] = ()
    histograms: tuple[tuple[Series, Histogram], ...] = ()

    def __len__(self) -> int:
        return sum(len(points) for _, points in self.points) + len(self.histograms)

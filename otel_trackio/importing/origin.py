"""What an importer finds elsewhere: runs, and what they hold, a batch at a time. Frozen, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from otel_trackio.attachments import Attachments
from otel_trackio.importing.left import Left
from otel_trackio.model import Histogram, Ints, Points, Record

State = Literal["finished", "failed", "crashed"]

Positions: TypeAlias = Mapping[str, int]
"""How far each part of a source was read, in the source's own count; 0 where not at all."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Points of one metric, and which place each of them has among all that a batch holds."""

    key: str
    places: Ints
    points: Points
    system: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """A stretch of one part of a source.

    `position` is where the part's next stretch begins. Everything takes a place, from 0 on, in
    the order recorded. `told` are facts that came up meanwhile, by the kind of their event.
    """

    part: str
    position: int
    columns: tuple[Column, ...] = ()
    histograms: tuple[tuple[int, str, Histogram], ...] = ()
    records: tuple[tuple[int, Record], ...] = ()
    told: tuple[tuple[str, dict[str, Any]], ...] = ()

    @property
    def points(self) -> int:
        return sum(len(each.points) for each in self.columns)

    def __len__(self) -> int:
        """How many places it takes."""
        return self.points + len(self.histograms) + len(self.records)


Read: TypeAlias = Callable[[Positions, Left, Attachments], Iterator[Batch]]
"""Reads what lies behind these positions, counts what of it cannot be taken, and puts the files
that its records name beside the run."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A run as it is elsewhere.

    `identity` tells it from every other run of all sources, wherever it lies and however it grows;
    `source` says for people where it is from. Times are ns since the epoch, 0 where unknown;
    `state` is how it ended, unless a batch tells better.
    """

    identity: tuple[str, ...]
    source: str
    read: Read
    name: str
    project: str = ""
    group: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    created: int = 0
    host: str = ""
    state: State = "finished"

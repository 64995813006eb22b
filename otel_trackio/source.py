"""The writers of a run, open for reading, and the series that they hold of each metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from otel_trackio.history import Part
from otel_trackio.metric import key_of
from otel_trackio.model import Series
from otel_trackio.reader import RunFileReader


@dataclass(frozen=True, slots=True)
class Source:
    """One writer of the run, open for reading."""

    reader: RunFileReader
    meta: dict[str, Any]

    @property
    def order(self) -> tuple[int, str]:
        return self.meta["attempt"], self.meta["writer"]


@dataclass(frozen=True, slots=True)
class Found:
    """A series of one of the run's writers."""

    source: Source
    id: int
    series: Series

    def part(self) -> Part | None:
        points = self.source.reader.points(self.id)
        if points is None:
            return None
        return Part(self.source.meta["attempt"], self.series.rank, points, self.series.increments)


def series_by_key(sources: Sequence[Source]) -> dict[str, list[Found]]:
    """Every series of the run by what users call it, in the order of the writers."""
    found: dict[str, list[Found]] = {}
    for source in sources:
        for series_id, series in source.reader.series().items():
            found.setdefault(key_of(series), []).append(Found(source, series_id, series))
    return found

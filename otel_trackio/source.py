"""The writers of a run, open for reading, and the series that they hold of each metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from otel_trackio import database
from otel_trackio.fold import interleaved, totals
from otel_trackio.history import Part
from otel_trackio.metric import key_of
from otel_trackio.model import Columns, Points, Series
from otel_trackio.reader import RunFileReader
from otel_trackio.runfile import ORIGIN


@dataclass(frozen=True, slots=True)
class Source:
    """One writer of the run, open for reading."""

    reader: RunFileReader
    meta: dict[str, Any]

    @property
    def order(self) -> tuple[int, str]:
        return self.meta["attempt"], self.meta["writer"]


def told_once(sources: Sequence[Source]) -> list[Source]:
    """Without those that hold what a writer sent to a collector whose own file is among them."""
    own = {each.meta["writer"] for each in sources if ORIGIN not in each.meta}
    return [each for each in sources if each.meta.get(ORIGIN) not in own]


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

    def shown(self) -> Columns:
        """Its points, if any, with their numbers; increments as the writer's own running total."""
        columns = self.source.reader.columns(self.id)
        assert columns is not None
        return totalled(columns, 0) if self.series.increments else columns


def totalled(columns: Columns, base: float | int) -> Columns:
    """Increments as running totals, from `base` on."""
    points = columns.points
    shown = Points(points.step, points.time, totals(base, points.value))
    return Columns(columns.series, columns.seq, shown)


def parts_of(found: Sequence[Found]) -> list[Part]:
    """The parts of a metric, one a writer and rank, in the order (attempt, writer).

    A key that `log()` and an instrument share is several series of one writer: its points are
    taken in the order of their numbers.
    """
    parts = []
    for _, group in groupby(found, lambda each: (id(each.source), each.series.rank)):
        series = [(each, part) for each in group if (part := each.part()) is not None]
        if len(series) == 1:
            parts.append(series[0][1])
        elif series:
            points = interleaved([each.shown() for each, _ in series]).points
            parts.append(replace(series[0][1], points=points, delta=False))
    return parts


def series_by_key(sources: Sequence[Source]) -> dict[str, list[Found]]:
    """Every series of the run by what users call it, in the order of the writers. Raises
    StoreError."""
    found: dict[str, list[Found]] = {}
    for source in sources:
        for series_id, series in source.reader.series().items():
            key = _key(source, series)
            found.setdefault(key, []).append(Found(source, series_id, series))
    return found


def _key(source: Source, series: Series) -> str:
    try:
        return key_of(series)
    except (ValueError, AttributeError) as error:  # Its attributes are no JSON, or no object.
        raise database.damaged(source.reader.path, error) from error

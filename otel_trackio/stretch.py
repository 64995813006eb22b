"""What a run file holds under a range of its numbers, as it is sent on. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from otel_trackio.fold import totals
from otel_trackio.model import Columns, Histogram, Ints, Points, Series, Values

Number = float | int
Totals = Mapping[Series, Number]
"""Where each counter of increments stands; 0 where it is not named."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Points and histograms, each with its number, from `first` to `last`."""

    first: int
    last: int
    points: tuple[tuple[Series, Columns], ...] = ()
    histograms: tuple[tuple[int, Series, Histogram], ...] = ()

    def __len__(self) -> int:
        return sum(len(columns) for _, columns in self.points) + len(self.histograms)

    def between(self, first: int, last: int) -> Stretch:
        """The part of it with these numbers, both included."""
        inside = ((series, _between(columns, first, last)) for series, columns in self.points)
        return Stretch(
            first,
            last,
            tuple((series, columns) for series, columns in inside if len(columns)),
            tuple(each for each in self.histograms if first <= each[0] <= last),
        )

    def pieces(self, most: int) -> Iterator[Stretch]:
        """All of it in order, at most so many points and histograms at a time."""
        numbers, first = self._numbers(), self.first
        for end in numbers[most - 1 : -1 : most].tolist():
            yield self.between(first, end)
            first = end + 1
        yield self if first == self.first else self.between(first, self.last)

    def halves(self) -> tuple[Stretch, Stretch]:
        """It holds two points at least."""
        middle = int(self._numbers()[len(self) // 2 - 1])
        return self.between(self.first, middle), self.between(middle + 1, self.last)

    def _numbers(self) -> Ints:
        parts = [columns.seq for _, columns in self.points]
        parts.append(np.array([number for number, *_ in self.histograms], np.int64))
        return np.sort(np.concatenate(parts))


def running(before: Number, increments: Values) -> Values:
    """Running totals from `before` on: the same as those of a counter read whole, bit by bit."""
    if increments.dtype == np.float64:
        begun = np.concatenate((np.array([before], np.float64), increments))
        return np.cumsum(begun)[1:]
    return totals(before, increments)


def _between(columns: Columns, first: int, last: int) -> Columns:
    kept = slice(*np.searchsorted(columns.seq, (first, last + 1)).tolist())
    points = columns.points
    inside = Points(points.step[kept], points.time[kept], points.value[kept])
    return Columns(columns.series, columns.seq[kept], inside)

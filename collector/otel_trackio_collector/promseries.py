"""The series that an exporter for Prometheus knows: a number each, and no more than a limit."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

MAX_SERIES: Final = 100_000
"""Series of one exporter at a time; points of any more are counted, not sent."""

IDLE_SECONDS: Final = 3600.0
"""A series that got no point for so long makes room, where room is needed."""

NO_SERIES: Final = -1
"""The number of a series beyond the limit."""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Family:
    """What Prometheus knows of a metric: `kind` is gauge, counter, histogram, summary or info."""

    name: str
    kind: str
    help: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart. `name` is the family's, with `_bucket` or so behind it.

    A derived one (the step, target_info) stands beside points rather than for them.
    """

    family: Family
    name: str
    labels: Labels
    derived: bool = False


class Catalog:
    """Numbers by series, and series by number. Used by one thread."""

    def __init__(self, limit: int = MAX_SERIES, idle: float = IDLE_SECONDS) -> None:
        self.epoch = 0
        """Counts how often numbers were taken back: what was remembered of them is void."""
        self._limit = limit
        self._idle = idle
        self._numbers: dict[tuple[str, Labels], int] = {}
        self._series: dict[int, Series] = {}
        self._used: dict[int, float] = {}
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._series)

    def __getitem__(self, number: int) -> Series:
        return self._series[number]

    def number(self, series: Series) -> int:
        """The series' number, a new one if need be; NO_SERIES where there is no room."""
        key = series.name, series.labels
        if (found := self._numbers.get(key)) is not None:
            return found
        if len(self._series) >= self._limit:
            return NO_SERIES
        number = self._free.pop() if self._free else len(self._series)
        self._numbers[key] = number
        self._series[number] = series
        self._used[number] = time.monotonic()
        return number

    def use(self, numbers: list[int]) -> None:
        """Says that these had points now."""
        self._used.update(dict.fromkeys(numbers, time.monotonic()))

    def make_room(self) -> list[int]:
        """Where nine tenths are taken, forgets what is idle, and returns the numbers of that."""
        if len(self._series) < 0.9 * self._limit:
            return []
        end = time.monotonic() - self._idle
        freed = [number for number, used in self._used.items() if used < end]
        for number in freed:
            series = self._series.pop(number)
            del self._numbers[series.name, series.labels], self._used[number]
        self._free += freed
        self.epoch += bool(freed)
        return freed


@dataclass(slots=True)
class Samples:
    """Columns of samples: whose (a series' number), when (ms), what.

    `weight` is 1 on one of the samples that a point became, and 0 on the others, so that what
    happens to samples can be counted in points.
    """

    numbers: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.numbers)

    def add(self, number: int, time: int, value: float, weight: int = 0) -> None:
        self.numbers.append(number)
        self.times.append(time)
        self.values.append(value)
        self.weights.append(weight)

"""Which buckets a chart shows: the axis they lie on, their width, and from where to where. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from otel_trackio import rollup
from otel_trackio.errors import ConfigError
from otel_trackio.piece import Span, whole
from otel_trackio_space.answers import MAX_POINTS
from otel_trackio_space.entry import Extent

Axis: TypeAlias = Literal["step", "time", "relative"]

NS_IN_MS: Final = 1_000_000

FARTHEST: Final = 2**62
"""Steps and ns beyond this are taken for it: arithmetic on them stays within 64 bits."""


@dataclass(frozen=True, slots=True)
class Line:
    """One rank of a run as a chart shows it; `began` is when the run did, in ns."""

    extent: Extent
    began: int

    def span(self, axis: Axis) -> Span | None:
        """What it covers of an axis: steps, ns since the epoch, or ns since the run began."""
        if axis == "step":
            return self.extent.steps
        times = self.extent.times
        if times is None or axis == "time":
            return times
        return times[0] - self.began, times[1] - self.began


@dataclass(frozen=True, slots=True)
class Window:
    """Buckets of one width, a power of two of steps or ns, that `span` touches."""

    axis: Axis
    width: int
    span: Span

    def of_run(self, began: int) -> tuple[Span, int]:
        """The same for one run on its own axis, and by how many buckets that one is ahead."""
        if self.axis != "relative":
            return self.span, 0
        # Buckets lie on the clock, not on the run's age: it is shown to within one of them.
        ahead = began // self.width
        return (self.span[0] + ahead * self.width, self.span[1] + began), ahead

    @property
    def shown_width(self) -> float:
        """As the API has it: in steps, or in ms."""
        return self.width if self.axis == "step" else self.width / NS_IN_MS


def window(
    lines: Sequence[Line],
    axis: Axis,
    asked: tuple[float | None, float | None],
    points: int,
    width: float | None,
) -> Window | None:
    """What shows those lines from `asked` on and up to there; None where they have nothing.

    `width` is that of an earlier answer, which is kept while it makes at most MAX_POINTS buckets.
    Raises ConfigError where it can be none.
    """
    there = whole(line.span(axis) for line in lines)
    if there is None:
        return None
    unit = 1 if axis == "step" else NS_IN_MS
    most, finest = points, 1
    if width is not None:
        most, finest = MAX_POINTS, _power(width * unit)
    lo = there[0] if asked[0] is None else max(there[0], _whole(asked[0] * unit, math.ceil))
    hi = there[1] if asked[1] is None else min(there[1], _whole(asked[1] * unit, math.floor))
    if axis == "relative" and width is not None:
        lo = max(there[0], lo - finest)  # In its bucket a run may be younger than it is shown.
    if lo > hi:
        return None
    span = lo, hi
    if axis == "step" and max(_amounts(lines, span)) <= most:
        return Window(axis, finest, span)  # So few are shown each at its own step.
    # A run may begin and end within a bucket, so that its age touches one more.
    most -= axis == "relative"
    return Window(axis, rollup.width_for(lo, hi, most, finest), span)


def _whole(position: float, towards: Callable[[float], int]) -> int:
    return towards(min(max(position, -FARTHEST), FARTHEST))


def _power(width: float) -> int:
    exact = round(width)
    if exact < 1 or exact.bit_count() != 1:
        raise ConfigError(f"no chart has buckets of width {width:g}", "give that of an answer")
    return exact


def _amounts(lines: Iterable[Line], span: Span) -> Iterator[float]:
    """About how many points of each line lie within a span of steps."""
    yield 0
    for line in lines:
        if line.extent.steps is not None:
            lo, hi = line.extent.steps
            shared = min(hi, span[1]) - max(lo, span[0]) + 1
            yield line.extent.count * max(shared, 0) / (hi - lo + 1)

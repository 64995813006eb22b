"""Measurements as they arrive: rows of series, each with its time, step and number of origin."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar

from otel_trackio.model import NO_STEP, Kind, Series, Temporality
from otel_trackio.names import MAX_NAME, instrument_name
from otel_trackio.semconv import (
    LOG_SCOPE,
    POINT_NUMBER,
    SYSTEM_SCOPE,
    TRACKIO_KEY,
    TRAINING_STEP,
    meaning_of,
)
from otel_trackio_collector.otlpvalue import (
    MAX_TIME,
    attributes_of,
    canonical,
    exemplar_of,
    number_of,
)
from otel_trackio_collector.runs import Sender

NO_VALUE: Final = 1
"""The flag of a point that says that there was nothing to measure."""

Value: TypeAlias = "float | int | dict[str, Any] | None"
Row: TypeAlias = "tuple[int, int, Value, int, int, int, dict[str, Any] | None]"
"""Time and start (ns), value (an aggregate's data; None for the flag above), step, the origin's
number or 0, the number of the request, and what a run file has no column for. A plain tuple: it is
made for each point."""

TIME: Final = 0
START: Final = 1
VALUE: Final = 2
STEP: Final = 3
NUMBER: Final = 4
REQUEST: Final = 5
MORE: Final = 6


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Resource:
    """A resource: one object for all that have the same attributes."""

    attributes: dict[str, Any]
    sender: Sender


@dataclass(slots=True, eq=False)
class Stream:
    """A series of a resource, and what has arrived of it."""

    resource: Resource
    series: Series
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class About:
    """What the points of a metric have in common."""

    name: str
    unit: str = ""
    description: str = ""
    kind: Kind = "gauge"
    temporality: Temporality = ""
    scope: str = ""
    scope_version: str = ""
    scope_attributes: tuple[tuple[str, Any], ...] = ()

    @property
    def expands(self) -> bool:
        """Whether exemplars are values of the series, not what its values were made of."""
        return self.kind == "gauge"

    def series(self, attributes: dict[str, Any], rank: int) -> Series:
        """The series of the points with these attributes, the step not among them."""
        key, kept = self.name, attributes
        if self.scope in (LOG_SCOPE, SYSTEM_SCOPE) and isinstance(
            logged := attributes.get(TRACKIO_KEY), str
        ):
            # As in its origin's file: the attributes are told by the key.
            implied = {TRACKIO_KEY: logged, **dict(meaning_of(logged, self.scope).attributes)}
            key, kept = logged, {k: v for k, v in kept.items() if implied.get(k) != v}
        if self.scope_attributes:
            kept = {**{f"otel.scope.{k}": v for k, v in self.scope_attributes}, **kept}
        plain_name = self.name.isascii() and self.name[:1].isalpha() and len(self.name) <= MAX_NAME
        return Series(
            key,
            self.kind,
            self.temporality,
            name=self.name if plain_name else instrument_name(self.name),
            unit=self.unit,
            description=self.description,
            attributes=canonical(kept),
            scope=self.scope,
            scope_version=self.scope_version,
            rank=rank,
        )

    def part(self, suffix: str) -> About:
        """A running total that belongs to the metric."""
        return replace(self, name=self.name + suffix, kind="counter", temporality="cumulative")


def step_of(attributes: dict[str, Any]) -> int:
    """Takes the step out of a point's attributes; NO_STEP where they have none."""
    step = attributes.get(TRAINING_STEP)
    if type(step) is not int or step == NO_STEP:
        return NO_STEP
    del attributes[TRAINING_STEP]
    return step


@dataclass(frozen=True, slots=True)
class Mark:
    """What an exemplar says of its measurement; `bare` where that is all that it says."""

    step: int
    number: int
    bare: bool

    @property
    def tells(self) -> bool:
        return self.step != NO_STEP or self.number > 0


def mark_of(exemplar: Exemplar) -> Mark:
    """Reads step and number."""
    attributes = attributes_of(exemplar.filtered_attributes)
    step = step_of(attributes)
    number = attributes.get(POINT_NUMBER)
    if type(number) is int and number > 0:
        del attributes[POINT_NUMBER]
    else:
        number = 0
    alone = len(exemplar.filtered_attributes) == (step != NO_STEP) + (number > 0)
    bare = alone and not (attributes or exemplar.trace_id or exemplar.span_id)
    return Mark(step, number, bare)


def same(one: Value, other: Value) -> bool:
    """Whether two values are equal, NaN to NaN too."""
    return one == other or (one != one and other != other)


def time_of(time: int, otherwise: int) -> int:
    return time if 0 < time < MAX_TIME else otherwise


def rows_of(
    point: Any, value: Value, step: int, expands: bool, request: int, received: int
) -> list[Row]:
    """The rows of a point of any kind.

    Exemplars of a gauge that carry a step or a number are measurements, each a row; the point
    itself then is one only where it says something else. Else a point is a row, and its step is
    that of its latest exemplar with one, or `step`, which its attributes told.
    """
    time = time_of(point.time_unix_nano, received)
    start = point.start_time_unix_nano
    start = start if start < MAX_TIME else 0
    if point.flags & NO_VALUE:
        value = None
    more: dict[str, Any] = {"flags": point.flags} if point.flags else {}
    marked = [(each, mark_of(each)) for each in getattr(point, "exemplars", ())]
    telling = [(each, mark) for each, mark in marked if mark.tells and number_of(each) is not None]
    rows: list[Row] = []
    if expands:
        for each, mark in telling:
            extra = None if mark.bare else {"exemplars": [exemplar_of(each)]}
            taken = step if mark.step == NO_STEP else mark.step
            when = time_of(each.time_unix_nano, time)
            rows.append((when, start, number_of(each), taken, mark.number, request, extra))
        rest = [each for each, mark in marked if not (mark.tells and number_of(each) is not None)]
    else:
        rest = [
            each
            for each, mark in marked
            if not (mark.tells and mark.bare and each.time_unix_nano == time)
        ]
    if rest:
        more["exemplars"] = [exemplar_of(each) for each in rest]
    if any(same(value, row[VALUE]) for row in rows):
        if more:
            told = rows[-1][MORE] or {}
            both = [*told.get("exemplars", ()), *more.get("exemplars", ())]
            rows[-1] = (*rows[-1][:MORE], {**more, **({"exemplars": both} if both else {})})
        return rows
    number = 0
    if telling and not expands:
        _, last = max(telling, key=lambda each: each[0].time_unix_nano)
        step, number = (step if last.step == NO_STEP else last.step), last.number
    return [*rows, (time, start, value, step, number, request, more or None)]

"""Rules: what of a metric people want to be told of. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from otel_trackio.chunk import floats_of
from otel_trackio.frames import number_to_json
from otel_trackio.model import Points, Values

MAX_RULES: Final = 100
"""Rules that a project may have."""

SHORTEST_SILENCE: Final = 5.0
"""Seconds of silence that a rule may ask for, at least."""

Level = Literal["info", "warn", "error"]


class Rule(BaseModel):
    """What is told of the metrics whose keys match the pattern `key`, in which `*` is any text.

    `above` and `below`: a point lies beyond `value`. `nan`: one is not finite. `silent`: while the
    run is running, none of these metrics got a point for `seconds`. It is told once a run and
    metric (a run for `silent`), and again only after a point, or its arrival, that was well.
    `webhook` is an address that is told, too: as JSON, or in the form that Slack takes. An `id` is
    given to a rule that comes without one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_-]*$")] = ""
    key: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    kind: Literal["above", "below", "nan", "silent"]
    value: Annotated[float, Field(allow_inf_nan=False)] | None = None
    seconds: Annotated[float, Field(ge=SHORTEST_SILENCE, le=10**7)] | None = None
    level: Level = "warn"
    webhook: Annotated[str, StringConstraints(max_length=2000)] | None = None
    form: Literal["generic", "slack"] = "generic"

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.kind in ("above", "below") and self.value is None:
            raise ValueError(f"a rule {self.kind!r} needs a value")
        if self.kind == "silent" and self.seconds is None:
            raise ValueError("a rule 'silent' needs seconds")
        return self

    def matches(self, key: str) -> bool:
        return fnmatchcase(key, self.key)

    def says(self, key: str) -> str:
        """What is told of a metric, in a line."""
        match self.kind:
            case "nan":
                return f"{key} is not finite"
            case "silent":
                return f"no data of {self.key} for {self.seconds:g} s"
        return f"{key} is {self.kind} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Breach:
    """The first point of some that a rule is about, and whether the last is well again."""

    step: int
    time: int
    value: float | int
    recovered: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What a rule found in a run. `time` is in ns; `step` None where there is none."""

    rule: str
    project: str
    run: str
    name: str
    key: str
    rank: int
    time: int
    step: int | None
    value: float | int | None
    level: Level
    title: str
    text: str

    def document(self) -> dict[str, Any]:
        """As JSON: the time in ms, and the value as `number_to_json` has it."""
        value = None if self.value is None else number_to_json(self.value)
        names = ("rule", "project", "run", "name", "key", "rank", "step", "level", "title", "text")
        return {**{each: getattr(self, each) for each in names}, "time": self.ms, "value": value}

    @property
    def ms(self) -> float:
        return self.time / 1e6


def alert(document: Mapping[str, Any]) -> dict[str, Any]:
    """What was told, from its JSON, as lists of alerts have it."""
    names = ("run", "rank", "time", "step", "level", "title", "text", "rule")
    return {**{each: document[each] for each in names}, "source": "rule"}


def breach(rule: Rule, points: Points) -> Breach | None:
    """Where points, in the order recorded, break a rule; None where they do not."""
    broken = _broken(rule, points.value)
    where = np.flatnonzero(broken)
    if not len(where):
        return None
    first = int(where[0])
    value = points.value[first : first + 1].tolist()[0]
    recovered = not bool(broken[-1])
    return Breach(int(points.step[first]), int(points.time[first]), value, recovered)


def _broken(rule: Rule, values: Values) -> NDArray[np.bool_]:
    numbers = floats_of(values)
    if rule.kind == "nan":
        return ~np.isfinite(numbers)
    assert rule.value is not None
    return numbers > rule.value if rule.kind == "above" else numbers < rule.value


def silence(rule: Rule, last: int, now: int, grace: float) -> bool:
    """Whether nothing came for too long; `last` and `now` in ns, `grace` seconds that news take."""
    assert rule.seconds is not None
    return now - last > (rule.seconds + grace) * 1e9


def any_of(rules: Sequence[Rule]) -> Callable[[str], bool]:
    """Whether any of them is about a key."""
    return lambda key: any(each.matches(key) for each in rules)


def asked_of_points(rules: Sequence[Rule]) -> list[Rule]:
    return [each for each in rules if each.kind != "silent"]

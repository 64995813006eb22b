"""What the HTTP API takes that changes something, and how it stands with rules afterwards."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from pydantic import BaseModel, Field, StringConstraints

from otel_trackio_space.answers import Failure, Question
from otel_trackio_space.rules import MAX_RULES, Rule

MAX_NAME: Final = 500
"""Characters of a name, a project or a tag."""

MAX_TAGS: Final = 100
"""Tags that one wish may name."""

Name: TypeAlias = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME)
]
Tags: TypeAlias = Annotated[list[Name], Field(max_length=MAX_TAGS)]


class Rename(Question):
    name: Name


class Move(Question):
    project: Name


class Retag(Question):
    """A tag that is both added and removed is added."""

    add: Tags = Field(default_factory=list)
    remove: Tags = Field(default_factory=list)


class Named(BaseModel):
    """What a run is called now."""

    id: str
    project: str
    name: str
    tags: list[str]


class PutRules(Question):
    """All rules of a project. A webhook that is masked as it was answered stays what it was."""

    project: Annotated[str, StringConstraints(max_length=1000)]
    rules: Annotated[list[Rule], Field(max_length=MAX_RULES)]


class Delivery(BaseModel):
    """How the webhook of a rule fares since the server's start: messages sent, failed for good,
    and held back as there were too many; why the last one failed, and when that was, in ms."""

    sent: int
    failed: int
    held: int
    error: str
    last: float | None


class Rules(BaseModel):
    """The rules of a project, and by id what came of their webhooks, of which only hosts are told.

    `problem` says why nothing is found, or why there are none, where something is wrong.
    """

    project: str
    rules: list[Rule]
    deliveries: dict[str, Delivery]
    problem: Failure | None

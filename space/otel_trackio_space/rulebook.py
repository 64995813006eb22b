"""The rules of each project, in DIR/rules.json: written for people to read, too."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from otel_trackio.errors import StoreError
from otel_trackio_space import kept
from otel_trackio_space.rules import Rule
from otel_trackio_space.webhook import masked

NAME: Final = "rules.json"

FORMAT: Final = 1
"""What a file says of itself; one with another number is not ours to read."""


class _Book(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: int
    projects: dict[str, tuple[Rule, ...]]


class Rulebook:
    """Any thread may use it, and what another process writes is seen by the next reading."""

    def __init__(self, dir: Path) -> None:
        self.path = dir / NAME
        self._lock = threading.Lock()
        self._stamp: object = None
        self._read: Mapping[str, Sequence[Rule]] = {}

    def projects(self) -> Mapping[str, Sequence[Rule]]:
        """Rules by project. Raises StoreError where the file is damaged."""
        with self._lock:
            stamp = kept.stamp(self.path)
            if stamp is None or stamp != self._stamp:
                self._read = _projects(self.path)
                self._stamp = stamp
            return self._read

    def rules(self, project: str) -> Sequence[Rule]:
        return self.projects().get(project, ())

    def write(self, project: str, rules: Sequence[Rule]) -> Sequence[Rule]:
        """Gives a project these rules in place of those it had; returns them with their ids.

        A webhook that is masked as `shown` masks it stays the one that the rule had. A damaged
        file is kept as `rules.json.damaged`. Raises StoreError.
        """
        with self._lock:
            try:
                known = dict(_projects(self.path))
            except StoreError:
                _set_aside(self.path)
                known = {}
            before = {each.id: each.webhook for each in known.get(project, ())}
            known[project] = tuple(_completed(each, before) for each in rules)
            projects = {
                name: [each.model_dump(exclude_none=True) for each in found]
                for name, found in sorted(known.items())
                if found
            }
            kept.write(self.path, {"format": FORMAT, "projects": projects}, indent=2)
            self._stamp = None
            return known[project]


def shown(rule: Rule) -> Rule:
    """The rule as everybody may see it: its webhook tells no more than the host."""
    webhook = None if rule.webhook is None else masked(rule.webhook)
    return rule.model_copy(update={"webhook": webhook})


def _completed(rule: Rule, before: Mapping[str, str | None]) -> Rule:
    known = before.get(rule.id)
    if known is not None and rule.webhook == masked(known):
        rule = rule.model_copy(update={"webhook": known})
    return rule if rule.id else rule.model_copy(update={"id": secrets.token_hex(6)})


def _projects(path: Path) -> Mapping[str, Sequence[Rule]]:
    document = kept.read(path)
    if not document:
        return {}
    try:
        book = _Book.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = "/".join(map(str, first["loc"]))
        raise kept.damaged(path, f"{where}: {first['msg']}") from None
    if book.format != FORMAT:
        raise kept.damaged(path, f"its format is {book.format}, and we know {FORMAT}")
    return book.projects


def _set_aside(path: Path) -> None:
    try:
        path.replace(path.with_name(f"{path.name}.damaged"))
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}", "check the folder") from error

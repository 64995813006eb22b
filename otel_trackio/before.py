"""What a run was before this process joined it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from otel_trackio.edit import EDITOR
from otel_trackio.facts import Facts, facts_of
from otel_trackio.model import Event
from otel_trackio.storedrun import StoredRun


@dataclass(frozen=True, slots=True)
class Before:
    """The past of a run, from this machine (`here`), from a remote, or from both.

    `attempts` counts by rank, `live` those that go on; `steps` has the greatest step by attempt.
    Whether it `finished` well is told of what is here alone.
    """

    events: tuple[Event, ...]
    attempts: Mapping[int, int]
    steps: Mapping[int, int]
    live: Mapping[int, int] = field(default_factory=dict)
    finished: bool = False
    here: bool = False

    @property
    def facts(self) -> Facts:
        return facts_of(self.events)

    @property
    def lamport(self) -> int:
        return max((event.lamport for event in self.events), default=0)

    def attempt(self, rank: int) -> int:
        """The one that a process begins; beside a live one of its rank it belongs to the same."""
        return self.live.get(rank) or self.attempts.get(rank, 0) + 1

    def first_step(self, attempt: int) -> int:
        """Where `log()` goes on: after all earlier attempts, whoever else has begun this one."""
        return 1 + max((step for n, step in self.steps.items() if n < attempt), default=-1)


def stored(run: StoredRun) -> Before:
    """The past of a run as this machine holds it. Raises StoreError."""
    with run.sources() as sources:
        standing = run.standing()
        recording = [each for each in sources if each.meta["part"] != EDITOR]
        steps = [(each.meta["attempt"], each.reader.last_step()) for each in recording]
        return Before(
            tuple(event for each in sources for event in each.reader.events()),
            standing.attempts,
            greatest((attempt, step) for attempt, step in steps if step is not None),
            standing.live_attempts,
            standing.state == "finished",
            here=True,
        )


def together(one: Before | None, other: Before | None) -> Before | None:
    """What both know."""
    if one is None or other is None:
        return one or other
    return Before(
        # Those known to both tell the same twice, which changes nothing.
        one.events + other.events,
        greatest([*one.attempts.items(), *other.attempts.items()]),
        greatest([*one.steps.items(), *other.steps.items()]),
        greatest([*one.live.items(), *other.live.items()]),
        one.finished or other.finished,
        one.here or other.here,
    )


def greatest(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """The greatest value of each key."""
    return dict(sorted(pairs))

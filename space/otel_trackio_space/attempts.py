"""The attempts of a run, rank by rank: when each went on, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from otel_trackio.edit import EDITOR
from otel_trackio.facts import RunState, state_of
from otel_trackio.source import Source
from otel_trackio.standing import FORK, writer_state


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one rank recorded in one attempt. `started` and `ended` are ns since the epoch."""

    attempt: int
    rank: int
    state: RunState
    started: int
    ended: int
    last_step: int | None
    points: int


def attempts_of(sources: Sequence[Source]) -> list[Attempt]:
    """All of a run, by attempt and rank."""
    found: dict[tuple[int, int], list[Source]] = {}
    for each in sources:
        if each.meta["part"] != EDITOR:
            place = each.meta["attempt"], each.meta["rank"]
            found.setdefault(place, []).append(each)
    now = time.time_ns()
    return [_attempt(*place, found[place], now) for place in sorted(found)]


def _attempt(attempt: int, rank: int, sources: Sequence[Source], now: int) -> Attempt:
    deciding = [each for each in sources if each.meta["part"] != FORK]
    steps = [step for each in sources if (step := each.reader.last_step()) is not None]
    return Attempt(
        attempt,
        rank,
        state_of([writer_state(each) for each in deciding or sources], now),
        started=min(each.meta["created_ns"] for each in sources),
        ended=max(writer_state(each).heartbeat for each in sources),
        last_step=max(steps, default=None),
        points=sum(each.reader.count() for each in sources),
    )

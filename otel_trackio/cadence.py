"""When a run is synced next. Moments are seconds of one clock that nobody sets back."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

DEADLINE_SECONDS: Final = 60.0
"""How long before its machine goes away a run is synced at the latest; so long after that nobody
believes any more that it does."""

URGENT_SECONDS: Final = 120.0
"""How long a run is synced as often as may be after it was told that its machine may go away."""

JITTER: Final = 0.2
"""Which part of a wait is left to chance, so that jobs that start together do not sync so."""

MOST_DOUBLINGS: Final = 8
"""How often the wait is doubled by failures at most."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """Seconds between syncs."""

    first: float
    """From the start to the first one: soon, as the machine may not live long."""

    early: float
    """Between those of a run that is young."""

    young: float
    """How long it is young."""

    steady: float
    """Between those from then on."""

    forward: float
    """Between one and the next that is asked for, at least."""

    urgent: float
    """Between those while the machine may go away."""

    longest: float
    """Between tries at most, however often the remote has failed."""

    shared: float
    """How much of a wait it may be since another process has uploaded what waited, at most."""


REMOTE: Final = Cadence(30, 60, 600, 300, forward=60, urgent=10, longest=900, shared=0.5)
"""The Hub allows about 128 commits an hour."""

DIRECTORY: Final = Cadence(12, 12, 0, 12, forward=12, urgent=5, longest=60, shared=0)
"""For a folder that other machines read as DIR: with chance 15 s, and no limit on commits."""


@dataclass(frozen=True, slots=True)
class Past:
    """What has happened to a run's sync so far.

    `tried` is when it was tried last, `failures` how often in a row in vain, `retry_after` for how
    long the remote asked to wait; `chance` is near 1, and different in each job.
    """

    started: float
    tried: float | None = None
    failures: int = 0
    retry_after: float = 0.0
    forward: bool = False
    urgent_until: float = 0.0
    deadline: float | None = None
    chance: float = 1.0


def chance() -> float:
    """For a `Past`: near 1."""
    return random.uniform(1 - JITTER, 1 + JITTER)


def due(cadence: Cadence, past: Past) -> float:
    """The moment of the next sync."""
    last = past.started if past.tried is None else past.tried
    moment = last + _wait(cadence, past) * past.chance
    if past.forward and not past.failures:
        moment = min(moment, last + cadence.forward)
    if past.deadline is not None:
        near = max(past.deadline - DEADLINE_SECONDS, last + cadence.urgent)
        if is_urgent(past, near):
            moment = min(moment, near)
    if last < past.urgent_until:
        moment = min(moment, last + cadence.urgent)
    return moment


def is_urgent(past: Past, now: float) -> bool:
    """Whether the machine may go away: then nothing waits for another process to upload it."""
    near = past.deadline is not None and abs(now - past.deadline) <= DEADLINE_SECONDS
    return near or now < past.urgent_until


def _wait(cadence: Cadence, past: Past) -> float:
    if past.tried is None:
        return cadence.first
    young = past.tried - past.started < cadence.young
    wait = cadence.early if young else cadence.steady
    wait *= float(2 ** min(past.failures, MOST_DOUBLINGS))
    return max(min(wait, cadence.longest), past.retry_after)

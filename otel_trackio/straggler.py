"""A rank that keeps the others waiting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

from otel_trackio.metric import Metric
from otel_trackio.query import query
from otel_trackio.semconv import STEP_SECONDS, TIMINGS
from otel_trackio.storedrun import StoredRun

STEPS: Final = 100
"""So many of the last steps are looked at."""

WORTH_TELLING: Final = 0.1
"""The share of a step's time that a rank loses on the others before it is called slow."""


@dataclass(frozen=True, slots=True)
class Straggler:
    """A rank takes `seconds` a step for one phase of it, where the `median` of all takes less."""

    rank: int
    phase: str
    seconds: float
    median: float


def straggler(run: StoredRun, metrics: Iterable[Metric], last_step: int | None) -> Straggler | None:
    """The rank that was behind the most in the last steps, by the timings of trainers.

    Ranks that train in step wait for each other where they exchange gradients, so a whole step
    takes all of them as long as the slowest: what tells them apart is the phases before that.
    """
    if last_step is None:
        return None
    span = (max(0, last_step - STEPS + 1), last_step)
    seconds: dict[str, dict[int, float]] = {}
    for metric in metrics:
        if metric.key.startswith(TIMINGS) and len(metric.ranks) > 1:
            phase = metric.key.removeprefix(TIMINGS)
            seconds[phase] = dict(_means(run, metric, span))
    return slowest(seconds)


def _means(run: StoredRun, metric: Metric, span: tuple[int, int]) -> Iterable[tuple[int, float]]:
    for rank in metric.ranks:
        for curve in query([run], [metric.key], span=span, max_points=1, rank=rank):
            if points := int(curve.buckets.count.sum()):
                yield rank, float(curve.buckets.sum.sum()) / points


def slowest(seconds: Mapping[str, Mapping[int, float]]) -> Straggler | None:
    """Of mean seconds by phase and rank: the rank that is furthest above the median of a phase."""
    whole = seconds.get(STEP_SECONDS.removeprefix(TIMINGS), {})
    found = [
        Straggler(rank, phase, taken, median(by_rank.values()))
        for phase, by_rank in seconds.items()
        for rank, taken in by_rank.items()
    ]
    worst = max(found, key=lambda each: each.seconds - each.median, default=None)
    if worst is None or not whole:
        return None
    lost = worst.seconds - worst.median
    return worst if lost > WORTH_TELLING * median(whole.values()) else None

"""How a histogram metric of a run went: what a question for its distributions is answered with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from otel_trackio.errors import UnknownMetric
from otel_trackio.model import NO_STEP, Histogram
from otel_trackio.source import Found, series_by_key
from otel_trackio_space.aggregate import Aggregate, aggregate_of
from otel_trackio_space.entry import Entry
from otel_trackio_space.heatmap import Sample, heatmap
from otel_trackio_space.shelf import Shelf
from otel_trackio_space.window import NS_IN_MS

MAX_READ: Final = 2**24
"""Characters of stored aggregates that are read for one picture: of more, one in so many is."""


@dataclass(frozen=True, slots=True)
class Measured:
    """An aggregate as it counts: of totals, what came since the one before."""

    rank: int
    attempt: int
    stored: Histogram
    aggregate: Aggregate

    @property
    def whole(self) -> bool:
        """Whether it is of one moment, as `log()` brings it."""
        return self.stored.start == self.stored.time


@dataclass(slots=True)
class Reading:
    """What was read: `every` is one in how many, `skipped` how many made no sense."""

    measured: list[Measured]
    every: int = 1
    skipped: int = 0


def distribution(shelf: Shelf, entry: Entry, key: str) -> dict[str, Any]:
    """A histogram metric of all ranks together, as the API has it.

    Raises UnknownMetric and StoreError.
    """
    metric = entry.metrics.get(key)
    if metric is None or metric.kind != "histogram":
        hint = "it is a curve" if metric else "it may have been deleted"
        raise UnknownMetric(f"run {entry.id} has no histogram {key!r}", hint)
    with shelf.sources(entry) as sources:
        reading = _read(series_by_key(sources).get(key, ()))
    # Where only some have a step, time shows them all.
    stepped = all(each.stored.step != NO_STEP for each in reading.measured)
    samples = list(_by_step(reading.measured) if stepped else _by_time(reading.measured))
    picture = heatmap(samples, stepped)
    if not stepped:
        picture |= {"x": picture["x"] / NS_IN_MS, "width": picture["width"] / NS_IN_MS}
    told = {"every": reading.every, "skipped": reading.skipped}
    return {"axis": "step" if stepped else "time", **picture, **told}


def _read(found: Sequence[Found]) -> Reading:
    size = sum(each.source.reader.histogram_size(each.id) for each in found)
    reading = Reading([], -(-size // MAX_READ) or 1)
    for each in found:
        rank, attempt = each.series.rank, each.source.meta["attempt"]
        before: tuple[Histogram, Aggregate] | None = None
        for stored in each.source.reader.histograms(each.id, reading.every):
            aggregate = aggregate_of(stored.data)
            if aggregate is None:
                reading.skipped += 1
                continue
            fresh = aggregate
            if each.series.temporality == "cumulative":
                # What began anew, as after a restart, counts from there.
                if before is not None and before[0].start == stored.start:
                    fresh = aggregate.since(before[1]) or aggregate
                before = stored, aggregate
            reading.measured.append(Measured(rank, attempt, stored, fresh))
    return reading


def _by_step(measured: Sequence[Measured]) -> Iterator[Sample]:
    """What counts of each step: the last attempt, and of what was logged the last; by rank."""
    latest: dict[tuple[int, int], list[Measured]] = {}
    for each in measured:
        own = latest.setdefault((each.rank, each.stored.step), [])
        if own and (each.whole or own[-1].attempt != each.attempt):
            own.clear()
        own.append(each)
    for (_, step), own in latest.items():
        yield from (Sample(step, each.aggregate, each.whole) for each in own)


def _by_time(measured: Sequence[Measured]) -> Iterator[Sample]:
    last = np.iinfo(np.int64).max
    for each in measured:
        yield Sample(min(max(each.stored.time, 0), int(last)), each.aggregate, each.whole)

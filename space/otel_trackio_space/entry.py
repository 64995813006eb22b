"""A run on the shelf: what lists say of it, and where its curves lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from otel_trackio import facts
from otel_trackio.facts import Facts
from otel_trackio.losses import complaints
from otel_trackio.model import Kind, Record
from otel_trackio.piece import Span, pieces_of, whole
from otel_trackio.source import Found, Source, series_by_key
from otel_trackio.storedrun import Standing, StoredRun
from otel_trackio.tail import Growth


@dataclass(frozen=True, slots=True)
class Extent:
    """The least and the greatest step and time (ns) of one rank's points, and how many there are.

    Points that others overwrite are counted, too.
    """

    steps: Span | None
    times: Span | None
    count: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A metric of a run, by rank; histograms have no extent."""

    key: str
    kind: Kind
    unit: str
    description: str
    ranks: Mapping[int, Extent]


@dataclass(frozen=True, slots=True)
class Alert:
    """What a rank of a run asked people to look at."""

    rank: int
    record: Record


@dataclass(frozen=True, slots=True)
class Entry:
    """What was read of a run at one moment; `version` is that of the shelf when it changed last.

    `numbers` are how far each of its writers has counted what it recorded, `growths` tell of their
    journals. With `by_clock` it is recorded elsewhere, and only time tells that it has crashed.
    """

    run: StoredRun
    id: str
    facts: Facts
    standing: Standing
    error: str
    missing: tuple[str, ...]
    metrics: Mapping[str, Listed]
    alerts: tuple[Alert, ...]
    numbers: tuple[int, ...]
    growths: tuple[Growth, ...]
    by_clock: bool
    version: int

    @property
    def order(self) -> tuple[int, str]:
        return self.facts.created, self.id

    def shows(self, other: Entry) -> bool:
        """Whether it is what the other was: a mere sign of life makes no difference."""
        return self._told() == other._told()

    def _told(self) -> tuple[object, ...]:
        return self.numbers, self.standing.state, self.error, self.missing


def read(run: StoredRun, version: int) -> Entry:
    """Reads a run. Raises StoreError where nothing of it can be read."""
    with run.sources() as sources:
        standing = run.standing()
        events = [event for each in sources for event in each.reader.events()]
        states = [event.data for event in events if event.kind == "state"]
        torn = standing.torn or any(data.get("torn") for data in states)
        growths = (each.reader.growth() for each in sources)
        return Entry(
            run=run,
            id=run.id,
            facts=facts.facts_of(events),
            standing=standing,
            error=facts.failure(states) if standing.state == "failed" else "",
            missing=tuple(complaints(standing.dropped, torn, len(run.damaged))),
            metrics=_listed(sources),
            alerts=tuple(
                Alert(each.meta["rank"], record)
                for each in sources
                for record in each.reader.records("alert")
            ),
            numbers=tuple(each.reader.next_number() for each in sources),
            growths=tuple(each for each in growths if each is not None),
            by_clock=standing.state == "running" and not any(s.reader.live for s in sources),
            version=version,
        )


def _listed(sources: Sequence[Source]) -> dict[str, Listed]:
    known = series_by_key(sources)
    return {key: _metric(key, known[key]) for key in sorted(known)}


def _metric(key: str, found: Sequence[Found]) -> Listed:
    series = found[0].series
    by_rank: dict[int, list[Found]] = {}
    for each in found:
        by_rank.setdefault(each.series.rank, []).append(each)
    ranks = {rank: _extent(by_rank[rank]) for rank in sorted(by_rank)}
    return Listed(key, series.kind, series.unit, series.description, ranks)


def _extent(found: Sequence[Found]) -> Extent:
    pieces = pieces_of([each for each in found if each.series.kind != "histogram"])
    steps = whole(piece.steps for piece in pieces)
    times = whole(piece.times for piece in pieces)
    return Extent(steps, times, sum(map(len, pieces)))

"""A run on the shelf: what lists say of it, and where its curves lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from otel_trackio import facts
from otel_trackio.edit import EDITOR
from otel_trackio.errors import StoreError
from otel_trackio.facts import Facts
from otel_trackio.losses import complaints
from otel_trackio.model import Kind, Record
from otel_trackio.piece import Span, pieces_of, whole
from otel_trackio.source import Found, Source, series_by_key
from otel_trackio.standing import Standing
from otel_trackio.storedrun import StoredRun
from otel_trackio.tail import Growth
from otel_trackio.text import storable
from otel_trackio_space.wire import exact

MAX_ALERTS: Final = 1_000
"""Alerts of a rank that are shown, the latest."""


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

    `facts` are those that it has, as they go over the wire. `began` is when its last writer did.
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
    began: int
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
    """Reads a run. Raises StoreError where nothing of it can be read, or makes no sense."""
    with run.sources() as sources:
        standing = run.standing()
        events = [event for each in sources for event in each.reader.events()]
        states = [event.data for event in events if event.kind == "state"]
        torn = standing.torn or any(data.get("torn") for data in states)
        growths = (each.reader.growth() for each in sources)
        return Entry(
            run=run,
            id=run.id,
            facts=_sound(facts.facts_of(events), run),
            standing=standing,
            error=storable(facts.failure(states)) if standing.state == "failed" else "",
            missing=tuple(complaints(standing.dropped, torn, len(run.damaged))),
            metrics=_listed(sources),
            alerts=tuple(alert for each in sources for alert in _alerts(each)),
            numbers=tuple(each.reader.next_number() for each in sources),
            growths=tuple(each for each in growths if each is not None),
            began=max(
                (each.meta["created_ns"] for each in sources if each.meta["part"] != EDITOR),
                default=standing.started,
            ),
            by_clock=standing.state == "running" and not any(s.reader.live for s in sources),
            version=version,
        )


def _sound(found: Facts, run: StoredRun) -> Facts:
    """The facts of a run; those of a remote may be anybody's. Raises StoreError."""
    texts = (found.name, found.project, found.group, found.notes, *found.tags)
    sound = all(isinstance(each, str) for each in texts) and isinstance(found.created, int)
    if not sound or not 0 <= found.created < 2**63:
        message = f"what {run.path} says of itself makes no sense"
        raise StoreError(message, "otel-trackio rm --force deletes it")
    name, project, group, notes, *tags = map(storable, texts)
    return replace(
        found,
        name=name,
        project=project,
        group=group,
        notes=notes,
        tags=tuple(tags),
        config=exact(found.config),
        summary=exact(found.summary),
    )


def _alerts(source: Source) -> Iterator[Alert]:
    for record in source.reader.records("alert", latest=MAX_ALERTS):
        said = exact(record.data)
        record = replace(record, data=said if isinstance(said, dict) else {})
        yield Alert(source.meta["rank"], record)


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

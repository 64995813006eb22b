"""What a remote holds of a run, at a glance."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

import pyarrow.compute as pc

from otel_trackio import facts
from otel_trackio.catalog import MOST_LISTINGS, RUNS_AT_ONCE, Catalog, Span, Writers, catalog, cover
from otel_trackio.diagnostics import logger
from otel_trackio.download import GONE, Download, Spot, extract_of, rows_of
from otel_trackio.edit import EDITOR
from otel_trackio.errors import RemoteRefused, StoreError
from otel_trackio.facts import Facts, RunState, WriterState
from otel_trackio.model import Event
from otel_trackio.place import EVENTS
from otel_trackio.remote import Entry, Remote
from otel_trackio.segment import INTRODUCTION
from otel_trackio.standing import FORK

QUIET_SECONDS: Final = 3600.0
"""How long nothing has come of a run that is taken for dead though it did not end."""

State: TypeAlias = RunState | Literal["running?"]


@dataclass(frozen=True, slots=True)
class Holding:
    """A run in the remote called `url`. `name` is its id as paths encode it.

    `state` is `running?` where it did not end and is late; `newest` when (ns) the newest that is
    known of it was recorded. `tombstones` are those of its writers that say it was deleted;
    `files` are those that its records name.
    """

    url: str
    name: str
    id: str
    facts: Facts
    state: State
    newest: int
    writers: Writers
    tombstones: frozenset[str]
    files: tuple[Entry, ...] = ()

    @property
    def title(self) -> str:
        return f"{self.facts.project}/{self.facts.name}"

    @property
    def live(self) -> bool:
        """Whether more of it may come."""
        return self.state in ("running", "running?")

    @property
    def paths(self) -> list[str]:
        """Of all its files."""
        spans = (span for spans in self.writers.values() for span in spans)
        segments = [path for span in spans for path in sorted(span.paths)]
        return segments + [entry.path for entry in self.files]

    @property
    def bytes(self) -> int:
        spans = (span for spans in self.writers.values() for span in spans)
        return sum(span.size for span in spans) + sum(entry.size for entry in self.files)


Progress: TypeAlias = Callable[[int, int], None]
"""Told how many runs were looked at, and how many there are."""


def holdings(
    remote: Remote, run_id: str | None = None, progress: Progress = lambda done, total: None
) -> list[Holding]:
    """The runs of a remote, deleted ones too, or only that of an id; the oldest first.

    What is damaged is logged and passed over. Raises RemoteError.
    """
    for _ in range(MOST_LISTINGS - 1):
        try:
            return _holdings(remote, catalog(remote, run_id), progress)
        except RemoteRefused as error:
            if error.kind not in GONE:
                raise
    return _holdings(remote, catalog(remote, run_id), progress)


def _holdings(remote: Remote, found: Catalog, progress: Progress) -> list[Holding]:
    names, made = list(found.runs), []
    for start in range(0, len(names), RUNS_AT_ONCE):
        some = {name: found.runs[name] for name in names[start : start + RUNS_AT_ONCE]}
        made += [replace(e, files=found.files.get(e.name, ())) for e in _look(remote, some)]
        progress(len(made), len(names))
    return sorted(made, key=lambda each: (each.facts.created, each.name))


@dataclass(slots=True)
class _Writer:
    """What a writer's events say of it."""

    spot: Spot
    spans: Sequence[Span]
    events: list[Event]
    run_id: str = ""
    newest: int = 0

    @property
    def introduction(self) -> dict[str, Any]:
        told = (event.data for event in self.events if event.kind == INTRODUCTION)
        return next(told, {})

    @property
    def state(self) -> str:
        states = [event.data.get("state", "") for event in self.events if event.kind == "state"]
        return str(states[-1]) if states else "running"

    @property
    def edits(self) -> bool:
        return bool(self.introduction.get("part") == EDITOR)


def _look(remote: Remote, runs: dict[str, Writers]) -> Iterator[Holding]:
    writers = {
        name: [
            _Writer(Spot(remote.url, name, writer), cover(spans).spans, [])
            for writer, spans in found.items()
        ]
        for name, found in runs.items()
    }
    every = [writer for of_run in writers.values() for writer in of_run]
    _hear(remote, every)
    _date(remote, [each for each in every if each.state == "running" and not each.edits])
    for name, found in runs.items():
        yield _holding(remote.url, name, found, writers[name])


def _hear(remote: Remote, writers: Sequence[_Writer]) -> None:
    """Reads their events."""
    files = [
        (each, s, s.files[EVENTS]) for each in writers for s in each.spans if EVENTS in s.files
    ]
    with Download(remote, [entry for *_, entry in files]) as download:
        for writer, span, entry in files:
            try:
                rows = rows_of(writer.spot, entry.path, download.read(entry))
                said = extract_of(writer.spot, span, {EVENTS: rows})
            except StoreError as error:
                logger.warning("%s", error)
                continue
            writer.run_id = said.owner.run
            writer.events += said.events
            writer.newest = max([writer.newest, *(event.time for event in said.events)])


def _date(remote: Remote, writers: Sequence[_Writer]) -> None:
    """Finds out when those who did not end recorded what came last."""
    files = [(each, each.spans[-1].files.get("points")) for each in writers if each.spans]
    with Download(remote, [entry for _, entry in files if entry]) as download:
        for writer, entry in files:
            if entry is None:
                continue
            try:
                rows = rows_of(writer.spot, entry.path, download.read(entry))
            except StoreError as error:
                logger.warning("%s", error)
                continue
            writer.newest = max(writer.newest, pc.max(rows["time"]).as_py() or 0)


def _holding(url: str, name: str, found: Writers, writers: Sequence[_Writer]) -> Holding:
    events = [event for each in writers for event in each.events]
    newest = max((each.newest for each in writers), default=0)
    return Holding(
        url,
        name,
        next((each.run_id for each in writers if each.run_id), name),
        facts.facts_of(events),
        _state(writers, newest),
        newest,
        found,
        frozenset(
            each.spot.writer
            for each in writers
            if any(event.kind == "delete" for event in each.events)
        ),
    )


def _state(writers: Sequence[_Writer], newest: int) -> State:
    """As the store tells it of replicas, but that a run that is late may be alive for a while."""
    recording = [each for each in writers if not each.edits]
    deciding = [each for each in recording if each.introduction.get("part") != FORK]
    states = [
        WriterState(
            rank=(about := each.introduction).get("rank", 0),
            world_size=max(about.get("world_size", 1), about.get("rank", 0) + 1),
            attempt=about.get("attempt", 1),
            state=each.state,
            live=False,
            local=False,
            heartbeat=each.newest,
            synced=True,
        )
        for each in deciding
    ]
    now = time.time_ns()
    state = facts.state_of(states, now)
    ended = all(each.state != "running" for each in deciding)
    if state == "crashed" and not ended and now - newest < QUIET_SECONDS * 1e9:
        return "running?"
    return state

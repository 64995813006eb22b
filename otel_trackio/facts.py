"""What a run is, told by its events: later ones win, by (lamport, writer, seq), never by clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from otel_trackio.model import Event

RunState = Literal["running", "finished", "failed", "crashed"]

STALE_SECONDS: Final = 60.0
"""A writer on another machine is taken for dead when its heartbeat is older than this."""

SYNCED_SECONDS: Final = 1200.0
"""The same, for one that only what it syncs tells of: a sync may be a quarter of an hour late."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The events of a run, summed up."""

    name: str = ""
    project: str = "default"
    group: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    created: int = 0
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    resource: dict[str, Any] = field(default_factory=dict)
    deleted: bool = False


def facts_of(events: Iterable[Event]) -> Facts:
    """Folds events in their order; kinds and fields that a later version added are passed over."""
    fields: dict[str, Any] = {}
    maps: dict[str, Any] = {"config": {}, "summary": {}, "resource": {}}
    for event in sorted(events, key=lambda each: (each.lamport, each.writer, each.seq)):
        if event.kind == "run":
            fields |= {k: v for k, v in event.data.items() if k in _RUN_FIELDS}
        elif event.kind in maps:
            maps[event.kind] |= event.data
        elif event.kind == "delete":
            fields["deleted"] = True
    fields["tags"] = tuple(fields.get("tags", ()))
    return Facts(**fields, **maps)


def failure(states: Sequence[Mapping[str, Any]]) -> str:
    """What a run died of, by the data of its `state` events; empty where nobody told."""
    told = [data for data in states if data.get("state") == "failed"]
    errors = [str(data["error"]) for data in told if "error" in data]
    if errors:
        return errors[-1]
    return f"exit code {told[-1]['exit_code']}" if told and "exit_code" in told[-1] else ""


_RUN_FIELDS: Final = {"name", "project", "group", "notes", "tags", "created"}


@dataclass(frozen=True, slots=True)
class WriterState:
    """One writer, as far as it says how the run is doing.

    `local` means on this machine since its last start, where leases tell who is `live`; `synced`
    that its heartbeat came by a sync.
    """

    rank: int
    world_size: int
    attempt: int
    state: str
    live: bool
    local: bool
    heartbeat: int
    synced: bool = False


def state_of(writers: Sequence[WriterState], now: int) -> RunState:
    """The state of the latest attempt of every rank: running while one is, else the worst end.

    Ranks that the last launch has no more, as it is smaller, do not count.
    """
    latest: dict[int, list[WriterState]] = {}
    for each in sorted(writers, key=lambda writer: writer.attempt):
        before = latest.get(each.rank, [])
        latest[each.rank] = [w for w in before if w.attempt == each.attempt] + [each]
    newest = max(writers, key=lambda writer: writer.heartbeat, default=None)
    size = newest.world_size if newest else 1
    counting = [w for rank, found in latest.items() if rank < size for w in found]
    states = {_writer_state(each, now) for each in counting or writers}
    for state in ("running", "failed", "crashed"):
        if state in states:
            return state
    return "finished"


def _writer_state(writer: WriterState, now: int) -> RunState:
    if writer.state == "running":
        patience = SYNCED_SECONDS if writer.synced else STALE_SECONDS
        fresh = now - writer.heartbeat < patience * 1e9
        return "running" if writer.live or (not writer.local and fresh) else "crashed"
    if writer.state in ("finished", "failed"):
        return writer.state  # type: ignore[return-value]
    return "crashed"

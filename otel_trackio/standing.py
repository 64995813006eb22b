"""How a run is doing: what its writers come to."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeGuard

from otel_trackio import facts
from otel_trackio.edit import EDITOR
from otel_trackio.facts import RunState, WriterState
from otel_trackio.identity import this_host
from otel_trackio.runfile import REPLICA
from otel_trackio.source import Source

SIGNED: Final = "signed"
"""Set in what a file says where other machines give signs of life for its writer."""

FORK: Final = "fork"
"""The part of a forked child, whose end says nothing about the run's."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run is doing. Times are ns since the epoch; `attempts` counts by rank."""

    state: RunState
    attempts: dict[int, int]
    live_attempts: dict[int, int]
    started: int
    ended: int
    last_step: int | None
    lamport: int
    points: int
    dropped: dict[str, int]
    torn: bool


def standing_of(sources: Sequence[Source]) -> Standing:
    """Sums up the writers of a run."""
    recording = [each for each in sources if each.meta["part"] != EDITOR]
    writers = {each.meta["writer"]: writer_state(each) for each in recording}
    deciding = [writers[each.meta["writer"]] for each in recording if each.meta["part"] != FORK]
    state = facts.state_of(deciding, time.time_ns())
    attempts: dict[int, int] = {}
    live: dict[int, int] = {}
    dropped: dict[str, int] = {}
    for each in recording:
        known = writers[each.meta["writer"]]
        attempts[known.rank] = max(attempts.get(known.rank, 0), known.attempt)
        if known.live:
            live[known.rank] = max(live.get(known.rank, 0), known.attempt)
        for reason, amount in json.loads(each.meta.get("counts", "{}")).items():
            dropped[reason] = dropped.get(reason, 0) + amount
    return Standing(
        state,
        attempts,
        live,
        started=min((each.meta["created_ns"] for each in recording), default=0),
        ended=max((each.heartbeat for each in writers.values()), default=0),
        last_step=max(
            filter(_is_step, (each.reader.last_step() for each in recording)), default=None
        ),
        lamport=max(each.reader.lamport() for each in sources),
        points=sum(each.reader.count() for each in recording),
        dropped=dropped,
        torn=any(each.reader.torn for each in recording),
    )


def writer_state(source: Source) -> WriterState:
    """How one writer is doing."""
    meta, reader = source.meta, source.reader
    states = [event for event in reader.events() if event.kind == "state"]
    state = str(states[-1].data["state"]) if states else "running"
    return WriterState(
        rank=meta["rank"],
        world_size=max(meta.get("world_size", 1), meta["rank"] + 1),
        attempt=meta["attempt"],
        state=state,
        live=state == "running" and reader.live,
        local=meta["boot_id"] == this_host().boot_id,
        heartbeat=max(meta.get("heartbeat_ns", meta["created_ns"]), reader.last_time()),
        synced=REPLICA in meta and SIGNED not in meta,
    )


def _is_step(step: int | None) -> TypeGuard[int]:
    return step is not None

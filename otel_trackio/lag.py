"""How far remotes are behind the runs of this machine, and how syncing to them has gone."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from otel_trackio import syncstate
from otel_trackio.backlog import numbers_behind
from otel_trackio.outbox import SYNC, Outbox
from otel_trackio.reader import RunFileReader
from otel_trackio.remote import Entry
from otel_trackio.runfile import MEANT, REPLICA
from otel_trackio.syncstate import SyncState


@dataclass(frozen=True, slots=True)
class Lag:
    """`numbers` points, events and records of a run are not at `url`, for `seconds` now: since
    something was last sent there, or the run began."""

    url: str
    numbers: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Destination:
    """A remote that runs of this machine are synced to, and the segments that wait for it."""

    url: str
    state: SyncState
    outbox: Outbox
    waiting: tuple[Entry, ...]

    @property
    def bytes(self) -> int:
        """Of the segments that wait."""
        return sum(entry.size for entry in self.waiting)


def destinations(dir: Path) -> list[Destination]:
    """Where runs in DIR are synced to."""
    found = []
    for path in sorted((dir / "outbox").glob("*.json")):
        state = syncstate.read(path)
        if state.url:
            outbox = Outbox(dir, state.url)
            found.append(Destination(state.url, state, outbox, tuple(outbox.waiting())))
    return found


def lags(files: Iterable[RunFileReader], destinations: Iterable[Destination]) -> Iterator[Lag]:
    """How far each of these is behind the run that has these files, if it is synced there."""
    metas = [(file, file.meta()) for file in files]
    own = [
        (meta["writer"], file.next_number(), file.cursors(), meta["created_ns"])
        for file, meta in metas
        if meta.get(REPLICA) is None
    ]
    begun = min((created for *_, created in own), default=0)
    meant = next((name for _, meta in metas if (name := meta.get(MEANT))), "")
    if meant and not any(key.startswith(SYNC) for *_, cursors, _ in own for key in cursors):
        # Nothing ever came so far: its name may lack the user still.
        numbers = sum(number - 1 for _, number, *_ in own)
        yield Lag(meant, numbers, (time.time_ns() - begun) / 1e9)
        return
    for each in destinations:
        name = each.outbox.cursor
        if any(name in cursors for *_, cursors, _ in own):
            numbers = sum(
                numbers_behind(number, cursors.get(name, 0), writer, each.waiting)
                for writer, number, cursors, _ in own
            )
            since = max(each.state.succeeded, begun)
            seconds = (time.time_ns() - since) / 1e9 if numbers else 0.0
            yield Lag(each.url, numbers, seconds)

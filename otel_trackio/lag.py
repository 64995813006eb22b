"""How far remotes are behind the runs of this machine, and how syncing to them has gone."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otel_trackio import database, syncstate
from otel_trackio.backlog import numbers_behind
from otel_trackio.endpoint import cursor_of
from otel_trackio.outbox import SYNC, Outbox
from otel_trackio.reader import RunFileReader
from otel_trackio.remote import Entry
from otel_trackio.runfile import MEANT, REPLICA, SENT_TO
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
    """How far each of these is behind the run that has these files, if it is synced there; and
    each OTLP endpoint that it is sent to."""
    metas = [(file, file.meta()) for file in files]
    yield from _sent([(file, meta) for file, meta in metas if SENT_TO in meta])
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


def _sent(files: Sequence[tuple[RunFileReader, dict[str, Any]]]) -> Iterator[Lag]:
    for url in sorted({meta[SENT_TO] for _, meta in files}):
        name, numbers, since = cursor_of(url), 0, time.time_ns()
        for file, meta in files:
            left = file.next_number() - 1 - file.cursors().get(name, 0)
            if meta[SENT_TO] == url and left > 0:
                numbers += left
                since = min(since, _moved(file.path, name) or meta["created_ns"])
        yield Lag(url, numbers, (time.time_ns() - since) / 1e9 if numbers else 0.0)


def _moved(path: Path, cursor: str) -> int:
    """When a cursor moved last, in ns; 0 where it never did."""
    with closing(database.open_reading(path)) as db:
        row = db.execute("SELECT time_ns FROM cursor WHERE name = ?", (cursor,)).fetchone()
    return int(row[0]) if row else 0

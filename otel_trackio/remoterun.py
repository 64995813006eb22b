"""A run as a remote holds it: as much of it as who goes on with it has to know.

That is all of its events, and the last steps of its points.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from otel_trackio import place, segment
from otel_trackio.before import Before, greatest
from otel_trackio.catalog import RUNS_AT_ONCE, Span, Writers, catalogued, cover
from otel_trackio.download import GONE, READERS, Spot, extract_of, rows_of
from otel_trackio.edit import EDITOR
from otel_trackio.errors import RemoteRefused, RemoteUnavailable
from otel_trackio.place import EVENTS
from otel_trackio.remote import Entry, Remote
from otel_trackio.segment import Extract
from otel_trackio.threads import started

READ_SECONDS: Final = 30.0
"""How long the start of a run may take to read a remote."""

MOST_BACK: Final = 16
"""Segments of points, from a writer's last one back, in which its last step is looked for."""

_DATED: Final = re.compile("[0-9a-z]{26}")
"""Ids of our own making, which sort by the time they were made."""

Said: TypeAlias = dict[str, list[Extract]]
"""The events of a run by writer, as paths encode its id."""

K = TypeVar("K")
V = TypeVar("V")


class RemoteRuns:
    """The runs of a remote. What it is asked ends when `seconds` have passed since it was made.

    Raises RemoteError where the remote cannot be read in that time, StoreError where what is there
    is damaged.
    """

    def __init__(self, remote: Remote, seconds: float = READ_SECONDS) -> None:
        self._remote = remote
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def by_id(self, run_id: str) -> Before | None:
        """What is known there of a run, deleted or not."""
        return self._again(lambda: self._by_id(run_id))

    def named(self, project: str, name: str) -> dict[str, int]:
        """When the runs of that project and name were created, by id; deleted ones are left out.

        Where ids tell the time, the newest that is found is enough.
        """
        return self._again(lambda: self._named(project, name))

    def _by_id(self, run_id: str) -> Before | None:
        runs = self._listed(*(place.run_folder(table, run_id) for table in (EVENTS, place.LAST)))
        for run, said in self._said(runs).items():
            return _past(said, self._steps(run, said, runs[run]))
        return None

    def _named(self, project: str, name: str) -> dict[str, int]:
        runs = self._listed(place.ROOT)
        order = sorted(runs, key=lambda run: (not _DATED.fullmatch(run), run), reverse=True)
        found: dict[str, int] = {}
        for start in range(0, len(order), RUNS_AT_ONCE):
            some = {run: runs[run] for run in order[start : start + RUNS_AT_ONCE]}
            for said in self._said(some).values():
                facts = _past(said, {}).facts
                if (facts.project, facts.name, facts.deleted) == (project, name, False):
                    [extract, *_] = next(iter(said.values()))
                    found[extract.owner.run] = facts.created
            if any(map(_DATED.fullmatch, found)):
                break
        return found

    def _again(self, work: Callable[[], V]) -> V:
        try:
            return work()
        except RemoteRefused as error:
            if error.kind not in GONE:
                raise
            return work()  # What was listed was merged, and so removed, meanwhile.

    def _listed(self, *folders: str) -> Mapping[str, Writers]:
        """Runs by their ids as paths encode them; of each writer what holds each number once.

        A range whose points are not there is being sent, or its sending was cut short.
        """
        entries: list[Entry] = []
        for folder in folders:  # One after the other: the first finds out whose a bare name is.
            entries += self._at_once(self._remote.list, [folder])[folder]
        return {
            run: {
                writer: cover([span for span in spans if place.LAST in span.files]).spans
                for writer, spans in writers.items()
            }
            for run, writers in catalogued(self._remote.url, entries).runs.items()
        }

    def _said(self, runs: Mapping[str, Writers]) -> dict[str, Said]:
        """The events of runs."""
        spots = {
            span.files[EVENTS].path: (Spot(self._remote.url, run, writer), span)
            for run, writers in runs.items()
            for writer, spans in writers.items()
            for span in spans
            if EVENTS in span.files
        }
        read = self._at_once(lambda path: self._events(*spots[path]), spots)
        said: dict[str, Said] = {}
        for path, (spot, _) in spots.items():
            said.setdefault(spot.run, {}).setdefault(spot.writer, []).append(read[path])
        return said

    def _events(self, spot: Spot, span: Span) -> Extract:
        return extract_of(spot, span, {EVENTS: self._rows(spot, span.files[EVENTS].path)})

    def _rows(self, spot: Spot, path: str) -> pa.Table:
        return rows_of(spot, path, self._remote.read(path))

    def _steps(self, run: str, said: Said, writers: Writers) -> dict[int, int]:
        """The last step of each attempt, as far as it lies in the last segments of its writers."""
        attempts = {
            writer: extracts[0].owner.attempt
            for writer, extracts in said.items()
            if _records(extracts)
        }
        found: dict[int, int] = {}
        for back in range(1, MOST_BACK + 1):
            spots = {
                writers[writer][-back].files[place.LAST].path: Spot(self._remote.url, run, writer)
                for writer, attempt in attempts.items()
                if attempt not in found and back <= len(writers[writer])
            }
            read = self._at_once(partial(self._last_step, spots), spots)
            steps = [(attempts[spot.writer], read[path]) for path, spot in spots.items()]
            found |= greatest((attempt, step) for attempt, step in steps if step is not None)
        return found

    def _last_step(self, spots: Mapping[str, Spot], path: str) -> int | None:
        step: int | None = pc.max(self._rows(spots[path], path)["step"]).as_py()
        return step

    def _at_once(self, work: Callable[[K], V], keys: Iterable[K]) -> dict[K, V]:
        """What `work` makes of each key, several at a time."""
        waiting = deque(keys)
        outcomes: SimpleQueue[tuple[K, V | Exception]] = SimpleQueue()

        def take() -> None:
            with suppress(IndexError):
                while True:
                    key = waiting.popleft()
                    try:
                        outcomes.put((key, work(key)))
                    except Exception as error:  # noqa: BLE001 (who waits raises it)
                        outcomes.put((key, error))

        amount = len(waiting)
        found: dict[K, V] = {}
        for _ in range(min(READERS, amount)):
            if not started(threading.Thread(target=take, daemon=True)):
                take()
        try:
            while len(found) < amount:
                key, outcome = outcomes.get(timeout=max(0.0, self._end - time.monotonic()))
                if isinstance(outcome, Exception):
                    raise outcome
                found[key] = outcome
        except Empty:
            message = f"cannot read {self._remote.url}: not done within {self._seconds:g} s"
            hint = "see whether it can be reached from here, and how fast"
            raise RemoteUnavailable(message, hint) from None
        finally:
            waiting.clear()
        return found


def _past(said: Said, steps: Mapping[int, int]) -> Before:
    recording = [extracts[0].owner for extracts in said.values() if _records(extracts)]
    return Before(
        tuple(event for extracts in said.values() for each in extracts for event in each.events),
        greatest((owner.rank, owner.attempt) for owner in recording),
        steps,
    )


def _records(extracts: Sequence[Extract]) -> bool:
    """Whether they are of a writer that does more than edit."""
    events = (event for each in extracts for event in each.events)
    said = (event.data for event in events if event.kind == segment.INTRODUCTION)
    return next(said, {}).get("part") != EDITOR

"""The runs that are shown: what was read of each is kept until its files change."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from otel_trackio import layout
from otel_trackio.api import Api
from otel_trackio.diagnostics import logger
from otel_trackio.errors import StoreError, UnknownRun
from otel_trackio.rollup import Buckets
from otel_trackio.source import Source
from otel_trackio.storedrun import StoredRun
from otel_trackio_space.cache import Cache
from otel_trackio_space.entry import Entry, read
from otel_trackio_space.failures import ENDED, Refused
from otel_trackio_space.stamp import RECENT_NS, Stamp, stamp, time_of

MAX_FILES: Final = 128
"""Run files that stay open, each with the two that SQLite keeps beside it."""

MAX_HELD: Final = 2**25
"""Decoded numbers, of 8 bytes each, that all open files together keep in memory."""

MAX_BUCKETS: Final = 2**24
"""Numbers, of 8 bytes each, in buckets that were asked for before."""

LOOK_SHARE: Final = 5.0
"""How many times as long as a look took one waits until the next, where files are slow or many."""

LOOK_LATEST: Final = 5.0
"""Seconds that one waits at most: the first look, which reads all there is, tells of no other."""

CLOCK_SECONDS: Final = 15.0
"""How often the state of a run is asked for that only its heartbeat tells of."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is other than at an earlier version: runs, and with `structure` what lists hold."""

    version: int
    runs: tuple[str, ...]
    structure: bool

    def __bool__(self) -> bool:
        return bool(self.runs) or self.structure


@dataclass(frozen=True, slots=True)
class Shown:
    """All runs as they were at one version, oldest first; `structure` is by project."""

    version: int
    runs: Mapping[str, Entry]
    structure: Mapping[str, int]

    def of(self, project: str | None = None) -> list[Entry]:
        """The runs of a project, or all of them."""
        return [each for each in self.runs.values() if project in (None, each.facts.project)]

    def run(self, run_id: str) -> Entry:
        """Raises UnknownRun."""
        try:
            return self.runs[run_id]
        except KeyError:
            raise UnknownRun(f"no run {run_id!r}", "it may have been deleted") from None

    def since(self, version: int, project: str | None = None) -> Change:
        """What changed after a version, of one project or of all."""
        runs = tuple(each.id for each in self.of(project) if each.version > version)
        structure = any(
            changed > version for name, changed in self.structure.items() if project in (None, name)
        )
        return Change(self.version, runs, structure)


@dataclass(slots=True)
class _Place:
    """The folder of a run, and what is known of it; `entry` None where it cannot be shown."""

    run: StoredRun
    stamp: Stamp | None = None
    entry: Entry | None = None
    due: float = 0.0


@dataclass(slots=True)
class _Folders:
    """The names of the folders of runs, good until those around them change."""

    times: tuple[int, ...] = ()
    names: list[str] = field(default_factory=list)
    quiet: bool = False


class Shelf:
    """The runs of a directory. Any thread may use it.

    `shown` is what was found last, by whichever thread, and costs nothing; `look` finds out what
    has changed, and reads only that. Versions grow, also from one server to the next. `buckets` are
    what charts were made of before.
    """

    def __init__(self, dir: str | os.PathLike[str] | None = None) -> None:
        self.api = Api(dir)
        self.shown = Shown(time.time_ns() // 1_000_000, {}, {})
        self.buckets: Cache[Buckets] = Cache(MAX_BUCKETS)
        self._places: dict[str, _Place] = {}
        self._folders = _Folders()
        self._looking = threading.Lock()
        self._began = 0.0
        self._closed = False
        self._open: dict[str, tuple[StoredRun, int]] = {}
        self._opening = threading.Lock()

    def look(self) -> Shown:
        """Brings what is shown up to date with the files, and returns it. Raises StoreError."""
        arrived = time.monotonic()
        with self._looking:
            if (
                self._began <= arrived and not self._closed
            ):  # Else somebody has looked since we came.
                self._began = time.monotonic()
                self._look()
            return self.shown

    def touch(self, runs: Collection[str]) -> None:
        """Counts runs as changed of which something is new that does not stand in their files."""
        with self._looking:
            version = self.shown.version + 1
            for place in self._places.values():
                if place.entry is not None and place.entry.id in runs:
                    place.entry = replace(place.entry, version=version)
            self._show(version)

    @contextmanager
    def sources(self, entry: Entry) -> Iterator[list[Source]]:
        """A run's writers, all seen at one moment. Its files stay open while there is room.

        Raises StoreError where they are not there any more, and Refused at the end.
        """
        if self._closed:
            raise Refused(503, *ENDED)
        self._keep(entry)
        with entry.run.sources() as sources:
            yield sources

    def close(self) -> None:
        """Lets all files go; who reads many of them comes to an end."""
        self._closed = True
        for place in list(self._places.values()):
            place.run.close()
        self.api.close()

    def _keep(self, entry: Entry) -> None:
        """Its files may stay open; where there is no room, others are closed."""
        with self._opening:
            self._open.pop(entry.run.path.name, None)
            self._open[entry.run.path.name] = entry.run, len(entry.numbers)
            unused = self._surplus()
        for each in unused:
            each.close()  # Not under our lock: another thread may be reading it.

    def _drop(self, run: StoredRun) -> None:
        with self._opening:
            self._open.pop(run.path.name, None)
        run.close()

    def _surplus(self) -> list[StoredRun]:
        unused = []
        files = sum(each for _, each in self._open.values())
        held = {name: run.held for name, (run, _) in self._open.items()}
        room = MAX_HELD - sum(held.values())
        for name in list(self._open)[:-1]:
            if files <= MAX_FILES and room >= 0:
                break
            run, own = self._open.pop(name)
            files, room = files - own, room + held[name]
            unused.append(run)
        return unused

    def _look(self) -> None:
        if self.api.exchange is not None:
            self.api.exchange.fetch()
        version = self.shown.version + 1
        names = self._names()
        for name in set(self._places) - set(names):
            self._drop(self._places.pop(name).run)
        for name in names:
            if self._closed:
                return
            self._refresh(name, version)
        self._show(version)

    def _show(self, version: int) -> None:
        """Puts what is known of all runs before readers, if anything is new."""
        before = self.shown
        entries = [place.entry for place in self._places.values() if place.entry is not None]
        runs = {each.id: each for each in sorted(entries, key=lambda each: each.order)}
        changed = {_project(each) for each in _moved(before.runs, runs)}
        structure = {**before.structure, **dict.fromkeys(changed, version)}
        if not changed and all(each.version < version for each in entries):
            version = before.version  # There may be signs of life.
        self.shown = Shown(version, runs, structure)

    def _names(self) -> list[str]:
        parents = [layout.runs_dir(each) for each in dict.fromkeys((self.api.store, self.api.dir))]
        times = tuple(map(time_of, parents))
        if not self._folders.quiet or self._folders.times != times:
            try:
                found = [path for each in parents for path in layout.run_dirs(each.parent)]
            except OSError as error:
                message = f"cannot read {error.filename}: {error.strerror}"
                raise StoreError(message, "check who may read the folder") from error
            quiet = time.time_ns() - max(times) > RECENT_NS
            self._folders = _Folders(times, sorted({path.name for path in found}), quiet)
        return self._folders.names

    def _refresh(self, name: str, version: int) -> None:
        place = self._places.get(name)
        if place is None:
            path = layout.runs_dir(self.api.store) / name
            place = self._places[name] = _Place(StoredRun(path, self.api.exchange))
        fresh = stamp(place.run.folders, time.time_ns(), place.stamp)
        told = fresh is not place.stamp and fresh.tells(place.stamp)
        place.stamp = fresh
        if told or _grown(place) or _due(place):
            before, place.entry = place.entry, self._read(place.run, version)
            if before is not None and place.entry is not None and place.entry.shows(before):
                place.entry = replace(place.entry, version=before.version)
            place.due = time.monotonic() + CLOCK_SECONDS

    def _read(self, run: StoredRun, version: int) -> Entry | None:
        try:
            entry = read(run, version)
        except Exception as error:  # noqa: BLE001 (whatever is in one run, it hides no other)
            # Of an empty folder there is nothing to say; damage seen on opening was told then.
            if not isinstance(error, StoreError):
                logger.warning("cannot read %s: %r", run.path, error)
            elif run.files() and not run.damaged:
                logger.warning("%s", error)
            self._drop(run)
            return None
        if entry.standing.state == "running":
            self._keep(entry)
        elif run.path.name not in self._open:
            run.close()
        return None if entry.facts.deleted else entry


def pause(least: float, took: float) -> float:
    """Seconds until the next look, by how long the last one took."""
    return max(least, min(LOOK_SHARE * took, LOOK_LATEST))


def _grown(place: _Place) -> bool:
    return place.entry is not None and any(each.happened() for each in place.entry.growths)


def _due(place: _Place) -> bool:
    entry = place.entry
    return entry is not None and entry.by_clock and time.monotonic() >= place.due


def _moved(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> Iterator[Entry]:
    """Runs that came or went, also from one project to another, and such whose metrics did."""
    for run_id in before.keys() | after.keys():
        old, new = before.get(run_id), after.get(run_id)
        if old is not new and (old is None or new is None or _differ(old, new)):
            yield from (each for each in (old, new) if each is not None)


def _differ(old: Entry, new: Entry) -> bool:
    return _project(old) != _project(new) or old.metrics.keys() != new.metrics.keys()


def _project(entry: Entry) -> str:
    return entry.facts.project

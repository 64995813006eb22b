"""Bringing runs back from a remote: each writer's segments into a run file of its own.

Only what is missing here is read. Who merges segments meanwhile removes what was listed a moment
ago: then it is listed again, and what has come stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from otel_trackio import attachments, beside, edit, facts, layout, lease, place
from otel_trackio.beside import NoRoom
from otel_trackio.catalog import MOST_LISTINGS, RUNS_AT_ONCE, Catalog, Span, catalog
from otel_trackio.download import GONE, Download, Spot, extract_of, rows_of, whole
from otel_trackio.errors import OtelTrackioError, RemoteRefused, StoreBusy, StoreError
from otel_trackio.missing import missing_after
from otel_trackio.model import Event
from otel_trackio.place import EVENTS
from otel_trackio.remote import Entry, Remote
from otel_trackio.replica import Replica, position
from otel_trackio.storedrun import StoredRun


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came back: runs looked at, numbers (points, events, records) that are new here, and
    the files read for them, or that they name.

    `busy` are run files here that live processes hold, and that stay as they are. `unfinished`
    counts writers of which the remote has not got everything yet.
    """

    runs: int = 0
    numbers: int = 0
    files: int = 0
    bytes: int = 0
    busy: tuple[Path, ...] = ()
    unfinished: int = 0


@dataclass(frozen=True, slots=True)
class Total:
    """What there is to look at, and to read at most."""

    runs: int = 0
    files: int = 0
    bytes: int = 0


Progress: TypeAlias = Callable[[Pulled, Total], None]


def pull(
    remote: Remote,
    dir: Path,
    project: str | None = None,
    progress: Progress = lambda done, total: None,
    run: str | None = None,
) -> Pulled:
    """Fetches what DIR has not of the remote's runs, of one project's, or of the run of that id.

    May be interrupted and called again. A run that was deleted there is deleted here too. Raises
    RemoteError; and StoreError where segments are missing or damaged, when all else has come.
    """
    pulling = _Pull(remote, dir, project, progress)
    before: object = None
    for _ in range(MOST_LISTINGS):
        found = catalog(remote, run)
        if before == (found, len(pulling.useless)):
            break  # What failed would fail again.
        before = found, len(pulling.useless)
        pulling.bring(found)
        if not pulling.failures:
            break
    if errors := [*pulling.failures.values(), *pulling.damaged.values()]:
        if len(errors) == 1:
            raise errors[0]
        message = (
            f"{len(errors)} writers or files did not come whole; of the first, {errors[0].message}"
        )
        raise StoreError(message, errors[0].hint)
    return pulling.done


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be read of a writer, whose file here is `path`."""

    spot: Spot
    path: Path
    spans: tuple[Span, ...]

    def files(self, events: bool) -> Iterator[Entry]:
        """Those of events, or all others, in the order of the spans."""
        for span in self.spans:
            for table, entry in span.files.items():
                if (table == EVENTS) == events:
                    yield entry


@dataclass(slots=True)
class _Run:
    """A run that is looked at, and what is known of it: its events, and what was read for them."""

    name: str
    folder: Path
    events: list[Event]
    wanted: list[_Wanted] = field(default_factory=list)
    beside: list[Entry] = field(default_factory=list)
    read: dict[str, bytes] = field(default_factory=dict)
    tombstones: set[Spot] = field(default_factory=set)

    def files(self, events: bool) -> Iterator[Entry]:
        for wanted in self.wanted:
            yield from wanted.files(events)


class _Pull:
    """`failures` are those of the last round, `useless` the spans that are not what they say,
    `damaged` the files that are not, which records name.
    """

    def __init__(self, remote: Remote, dir: Path, project: str | None, progress: Progress) -> None:
        self._remote = remote
        self._dir = dir
        self._project = project
        self._progress = progress
        self._total = Total()
        self._seen: set[str] = set()
        self._busy: set[Path] = set()
        self.done = Pulled()
        self.failures: dict[Spot, OtelTrackioError] = {}
        self.useless: dict[frozenset[str], StoreError] = {}
        self.damaged: dict[str, StoreError] = {}

    def bring(self, found: Catalog) -> None:
        """A round over everything, or over the runs of which something failed in the last one."""
        names = {spot.run for spot in self.failures} & set(found.runs) or set(found.runs)
        self.failures.clear()
        self.done = replace(self.done, unfinished=0)
        runs = [self._look_at(name, found) for name in sorted(names)]
        files = [entry for run in runs for events in (True, False) for entry in run.files(events)]
        files += [entry for run in runs for entry in run.beside]
        self._total = Total(
            len(found.runs),
            self.done.files + len(files),
            self.done.bytes + sum(entry.size for entry in files),
        )
        for start in range(0, len(runs), RUNS_AT_ONCE):
            some = runs[start : start + RUNS_AT_ONCE]
            self._read_events(some)
            self._restore(some)

    def _look_at(self, name: str, found: Catalog) -> _Run:
        run = _Run(name, layout.runs_dir(self._dir) / place.on_disk(name), [])
        if layout.run_files(run.folder):
            run.events = _events(run.folder)
        if facts.facts_of(run.events).deleted:
            return run
        run.beside = beside.missing(run.folder, found.files.get(name, ()))
        for writer, spans in found.runs[name].items():
            spot = Spot(self._remote.url, name, writer)
            path = run.folder / f"{place.on_disk(writer)}.db"
            if missing := self._missing(spot, path, spans):
                run.wanted.append(_Wanted(spot, path, missing))
        return run

    def _missing(self, spot: Spot, path: Path, spans: Sequence[Span]) -> tuple[Span, ...]:
        try:
            here = position(path)
        except StoreError as error:
            self.failures[spot] = error
            return ()
        if here is None:
            return ()  # It is the origin's own.
        missing = missing_after(here, spot, spans, self.useless)
        if missing.unfinished:
            self.done = replace(self.done, unfinished=self.done.unfinished + 1)
        elif missing.error is not None:
            self.failures[spot] = missing.error
        return missing.spans

    def _read_events(self, runs: Sequence[_Run]) -> None:
        entries = [entry for run in runs for entry in run.files(events=True)]
        with Download(self._remote, entries) as download:
            for run in runs:
                run.wanted = [each for each in run.wanted if self._heard(download, run, each)]

    def _heard(self, download: Download, run: _Run, wanted: _Wanted) -> bool:
        """Takes note of what a writer's events say; False where they cannot be read."""
        for span in wanted.spans:
            entry = span.files.get(EVENTS)
            if entry is None:
                continue
            try:
                data = self._get(download, entry)
                rows = rows_of(wanted.spot, entry.path, data)
                said = extract_of(wanted.spot, span, {EVENTS: rows}).events
            except (RemoteRefused, StoreError) as error:
                self._failed(wanted.spot, span, error)
                return False
            run.read[entry.path] = data
            run.events += said
            if any(event.kind == "delete" for event in said):
                run.tombstones.add(wanted.spot)
        return True

    def _restore(self, runs: Sequence[_Run]) -> None:
        chosen = [run for run in runs if self._is_wanted(run)]
        entries = [entry for run in chosen for entry in run.files(events=False)]
        with Download(self._remote, entries) as download:
            for run in chosen:
                deleted = facts.facts_of(run.events).deleted
                if not deleted:
                    self._bring_beside(run)  # What records name is here before they are.
                for wanted in run.wanted:
                    self._bring_home(download, run, wanted)
                if deleted:
                    self._busy.update(_clear(run.folder))
                run.read.clear()
                self.done = replace(self.done, runs=len(self._seen), busy=tuple(self._busy))
                self._progress(self.done, self._total)

    def _is_wanted(self, run: _Run) -> bool:
        """Whether anything is to be done for a run; of a deleted one only its tombstones stay."""
        about = facts.facts_of(run.events)
        if about.deleted:
            run.wanted = [each for each in run.wanted if each.spot in run.tombstones]
            return True
        if self._project not in (None, about.project):
            return False
        self._seen.add(run.name)
        return True

    def _bring_home(self, download: Download, run: _Run, wanted: _Wanted) -> None:
        """Brings one writer's file up to what the remote holds."""
        with ExitStack() as stack:
            replica: Replica | None = None
            for span in wanted.spans:
                try:
                    files = {
                        table: run.read.pop(entry.path, b"") or self._get(download, entry)
                        for table, entry in span.files.items()
                    }
                    extract = extract_of(wanted.spot, span, whole(wanted.spot, span, files))
                    if replica is None:
                        replica = Replica(wanted.path, self._remote.url)
                        stack.callback(replica.close)
                    added = replica.add(extract, span.last)
                    self.done = replace(self.done, numbers=self.done.numbers + added)
                    self._progress(self.done, self._total)
                    del files, extract  # Or they were held until the next ones are there, too.
                except StoreBusy:
                    self._busy.add(wanted.path)
                    return
                except (RemoteRefused, StoreError) as error:
                    self._failed(wanted.spot, span, error)
                    return

    def _bring_beside(self, run: _Run) -> None:
        """Brings the files here that records of a run name."""
        with Download(self._remote, run.beside) as download:
            for entry in run.beside:
                try:
                    data = beside.checked(self._remote.url, entry, self._get(download, entry))
                    beside.keep(run.folder, entry, data)
                    self.damaged.pop(entry.path, None)
                except NoRoom as error:
                    self.damaged[entry.path] = error
                    return  # Nor is there any for the others.
                except StoreError as error:
                    self.damaged[entry.path] = error
                except RemoteRefused as error:  # Its run was deleted there meanwhile.
                    if error.kind not in GONE:
                        raise
                self._progress(self.done, self._total)

    def _get(self, download: Download, entry: Entry) -> bytes:
        data = download.read(entry)
        done = self.done
        self.done = replace(done, files=done.files + 1, bytes=done.bytes + len(data))
        return data

    def _failed(self, spot: Spot, span: Span, error: RemoteRefused | StoreError) -> None:
        if isinstance(error, RemoteRefused):
            if error.kind not in GONE:
                raise error
        else:
            self.useless[span.paths] = error
        self.failures[spot] = error


def _events(folder: Path) -> list[Event]:
    """What the files here say; nothing where none can be read."""
    with StoredRun(folder) as run, suppress(StoreError), run.sources() as sources:
        return [event for each in sources for event in each.reader.events()]
    return []


def _clear(folder: Path) -> Iterator[Path]:
    """Removes the data of a run that was deleted elsewhere; yields what live processes hold."""
    with StoredRun(folder) as run, suppress(StoreError), run.sources() as sources:
        for each in sources:
            path = each.reader.path
            if any(event.kind == "delete" for event in each.reader.events()):
                continue
            if lease.is_held(layout.lock_file(path)):
                yield path
            else:
                edit.remove(path)
    if not any(lease.is_held(layout.lock_file(path)) for path in layout.run_files(folder)):
        attachments.remove(folder)

"""Bringing runs back from a remote: each writer's segments into a run file of its own.

The numbers stay those of the origin, so what is here already is not fetched again, and a run that
is pulled twice holds each point once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeAlias

from otel_trackio import edit, facts, layout, place, segment
from otel_trackio.errors import RemoteRefused, StoreBusy, StoreError
from otel_trackio.lease import Lease
from otel_trackio.model import Columns, Event
from otel_trackio.remote import Remote
from otel_trackio.runfile import RunFile
from otel_trackio.segment import Extract, taken_after

REPLICA: Final = "replica"
"""Key of `meta` in a file that was pulled: the remote that it came from."""

PULLED: Final = "pulled"
"""Cursor of such a file: up to which number it holds all."""

Ranges: TypeAlias = dict[tuple[int, int], dict[str, str]]
"""Paths by table, by the first and last number of the segment."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came back: runs looked at, and numbers (points, events, records) that are new here."""

    runs: int = 0
    numbers: int = 0


@dataclass(slots=True)
class Catalog:
    """The segments of a remote, by run and writer as its paths name them, and what was read."""

    remote: Remote
    writers: dict[str, dict[str, Ranges]] = field(default_factory=dict)
    events: dict[str, bytes] = field(default_factory=dict)

    def read(self, path: str) -> bytes:
        return self.events.pop(path, None) or self.remote.read(path)


def pull(
    remote: Remote,
    dir: Path,
    project: str | None = None,
    progress: Callable[[Pulled], None] = lambda done: None,
) -> Pulled:
    """Fetches what DIR has not of the remote's runs, or of one project's.

    May be interrupted and called again. A run that was deleted there is deleted here too. Raises
    RemoteError, or StoreError where a segment is damaged.
    """
    catalog = _catalog(remote)
    if not catalog.writers:
        raise RemoteRefused(
            f"no runs in {remote.url}", "check its name, and that you may read what is there"
        )
    done = Pulled()
    for writers in catalog.writers.values():
        run_id, events = _events(catalog, writers)
        about = facts.facts_of(events)
        if project is not None and about.project != project:
            continue
        if about.deleted:
            _bury(dir, run_id, events)
            continue
        amount = sum(_restore(catalog, dir, ranges) for ranges in writers.values())
        done = Pulled(done.runs + 1, done.numbers + amount)
        progress(done)
    return done


def _catalog(remote: Remote) -> Catalog:
    catalog = Catalog(remote)
    for entry in remote.list(place.ROOT):
        found = place.place_of(entry.path)
        if found is not None:
            ranges = catalog.writers.setdefault(found.run, {}).setdefault(found.writer, {})
            ranges.setdefault((found.first, found.last), {})[found.table] = entry.path
    return catalog


def _events(catalog: Catalog, writers: dict[str, Ranges]) -> tuple[str, list[Event]]:
    """The run's id, and all its events."""
    found: list[Event] = []
    run_id = ""
    for ranges in writers.values():
        for paths in ranges.values():
            if "events" in paths:
                data = catalog.read(paths["events"])
                catalog.events[paths["events"]] = data
                extract = segment.decode({"events": data})
                run_id = extract.owner.run
                found += extract.events
    return run_id, found


def _bury(dir: Path, run_id: str, events: list[Event]) -> None:
    folder = layout.run_dir(dir, run_id)
    if layout.run_files(folder):
        edit.bury(folder, run_id, max(event.lamport for event in events))


def _restore(catalog: Catalog, dir: Path, ranges: Ranges) -> int:
    """Brings one writer's file up to what the remote holds; how many numbers that added."""
    file: RunFile | None = None
    lease: Lease | None = None
    before = position = 0
    try:
        for (_, last), paths in sorted(ranges.items()):
            if last <= position:
                continue
            extract = segment.decode({name: catalog.read(path) for name, path in paths.items()})
            if file is None:
                path = layout.run_file(dir, extract.owner.run, extract.owner.writer)
                lease = _leased(path)
                file = _replica(path, extract, catalog.remote.url)
                if file is None:
                    return 0
                before = position = file.cursor(PULLED)
            if last > position:
                _add(file, taken_after(extract, position), last)
                position = last
        if file is not None and position > before:
            file.fold_all()
        return position - before
    finally:
        if file is not None:
            file.close()
        if lease is not None:
            lease.release()
            lease.remove()


def _leased(path: Path) -> Lease:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lease = Lease.take(layout.lock_file(path))
    if lease is None:
        raise StoreBusy(f"{path} is in use by a live process", "pull again when it has ended")
    return lease


def _replica(path: Path, extract: Extract, url: str) -> RunFile | None:
    """The replica to be brought up to date; None where the origin itself is here."""
    if path.exists():
        file = RunFile.open(path)
        if file.meta(REPLICA) is None:
            file.close()
            return None
        return file
    introduced = [event for event in extract.events if event.kind == segment.INTRODUCTION]
    if not introduced:
        raise StoreError(f"the first segment of {path.stem} is missing in {url}", "sync it again")
    # No machine's boot is "": whether its writer lives, only its last sign of life can tell.
    return RunFile.create(path, {**introduced[0].data, "boot_id": "", REPLICA: url})


def _add(file: RunFile, extract: Extract, last: int) -> None:
    times = [int(columns.points.time.max()) for _, columns in extract.points if len(columns)]
    times += [event.time for event in extract.events]
    with file.transaction(durable=True):
        file.append(
            [Columns(file.series_id(s), c.seq, c.points) for s, c in extract.points if len(c)]
        )
        for event in extract.events:
            if event.kind != segment.INTRODUCTION:
                # 0 asks for the next number; an origin's 0 is the lowest, and stays so.
                file.add_event(event.seq, replace(event, lamport=event.lamport or -1))
        for seq, series, histogram in extract.histograms:
            file.add_histogram(seq, file.series_id(series), histogram)
        for seq, record in extract.records:
            file.add_record(seq, record)
        file.set_meta("next_seq", last + 1)
        lamports = [event.lamport for event in extract.events]
        file.set_meta("lamport", max([file.meta("lamport"), *lamports]))
        file.set_meta("heartbeat_ns", max([file.meta("heartbeat_ns", 0), *times]))
        file.set_cursor(PULLED, last)

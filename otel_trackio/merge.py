"""Merging what a remote holds of runs that have ended: small segments become few.

From the remote alone, so on any machine. What is new is added before anything is deleted, and only
what was read, and found whole, takes the place of anything: whoever reads meanwhile, or goes on
after a crash, finds each number once or more, never less.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from otel_trackio import place, segment
from otel_trackio.catalog import MOST_LISTINGS, Cover, Span, cover
from otel_trackio.diagnostics import logger
from otel_trackio.download import GONE, Download, Spot
from otel_trackio.errors import RemoteRefused
from otel_trackio.holding import Holding, holdings
from otel_trackio.joining import joined
from otel_trackio.place import LAST
from otel_trackio.push import MAX_BYTES, MAX_FILES, commit
from otel_trackio.ranges import MAX_NUMBERS, MAX_TEXT
from otel_trackio.reading import Reading, Tables
from otel_trackio.remote import Remote


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge came to: runs looked at, and how many of them were left alone as more of them
    may come; files added and deleted; writers of which something is missing or damaged.
    """

    runs: int = 0
    live: int = 0
    added: int = 0
    deleted: int = 0
    broken: int = 0


Progress: TypeAlias = Callable[[int, int], None]
"""Told how many runs were looked at, and how many there are."""


def merge(remote: Remote, progress: Progress = lambda done, total: None) -> Merged:
    """Joins each writer's segments as far as MAX_NUMBERS and MAX_TEXT allow. Deletes what they
    replace, what earlier merges have left, and the data of runs that were deleted.

    May be interrupted and called again; once more, it changes nothing. Raises RemoteError.
    """
    done = Merged()
    again: set[str] | None = None
    with TemporaryDirectory(prefix="otel-trackio-merge-") as folder:
        for _ in range(MOST_LISTINGS):
            found = [each for each in holdings(remote) if again is None or each.name in again]
            merging = _Merging(Changes(remote, Path(folder)))
            for number, run in enumerate(found):
                merging.take(run)
                progress(number + 1, len(found))
            merging.changes.commit()
            done, again = merging.added_to(done), merging.again
            if not again:
                break
    return done


class _Merging:
    """`again` are the runs that somebody else merged meanwhile."""

    def __init__(self, changes: Changes) -> None:
        self.changes = changes
        self.again: set[str] = set()
        self._runs = self._live = self._broken = 0

    def added_to(self, done: Merged) -> Merged:
        return Merged(
            done.runs + self._runs,
            done.live + self._live,
            done.added + self.changes.added,
            done.deleted + self.changes.deleted,
            done.broken + self._broken,
        )

    def take(self, run: Holding) -> None:
        """Does what is to be done for a run."""
        try:
            if run.facts.deleted:
                self.changes.put({}, [entry.path for entry in run.files])
            for writer, spans in run.writers.items():
                spot = Spot(run.url, run.name, writer)
                if run.facts.deleted:
                    if writer not in run.tombstones:
                        self.changes.put({}, [path for span in spans for path in span.paths])
                elif not run.live:
                    self._take_writer(spot, spans)
        except RemoteRefused as error:
            if error.kind not in GONE:
                raise
            self.again.add(run.name)
            return
        self._runs += 1
        self._live += run.live and not run.facts.deleted

    def _take_writer(self, spot: Spot, spans: Sequence[Span]) -> None:
        chosen = cover(spans)
        if not _is_worthwhile(chosen):
            return
        files = [entry for span in chosen.spans for entry in span.files.values()]
        kept: set[str] = set()
        number = 0
        with Download(self.changes.remote, files) as download:
            reading = Reading(spot, spans, download.read)
            for group, parts in _groups(reading):
                last = group[-1].last
                replaced = {path for span in group for path in span.paths}
                if len(group) > 1:
                    add = _files(number + 1, last, parts)
                    self.changes.put(add, replaced - add.keys())
                    replaced = set(add)
                kept |= replaced
                number = last
        spare = {path for span in spans if span.last <= number for path in span.paths}
        self.changes.put({}, spare - kept)
        if reading.error is not None:
            logger.warning("%s", reading.error)
            self._broken += 1


def _is_worthwhile(chosen: Cover) -> bool:
    """Whether something can be joined or deleted, as far as paths tell."""
    sizes = [span.last - span.first + 1 for span in chosen.spans]
    return bool(chosen.spare) or any(one + other <= MAX_NUMBERS for one, other in pairwise(sizes))


def _groups(reading: Reading) -> Iterator[tuple[list[Span], list[Tables]]]:
    """Spans that follow one another and may be one, with what they hold."""
    spans: list[Span] = []
    parts: list[Tables] = []
    numbers = text = 0
    for span, tables in reading:
        more = sum(map(len, tables.values()))
        said = sum(rows["data"].nbytes for name, rows in tables.items() if name != LAST)
        if parts and (numbers + more > MAX_NUMBERS or text + said > MAX_TEXT):
            yield spans, parts
            spans, parts, numbers, text = [], [], 0, 0
        spans.append(span)
        parts.append(tables)
        numbers += more
        text += said
    if parts:
        yield spans, parts


def _files(first: int, last: int, parts: list[Tables]) -> dict[str, bytes]:
    """The files of one range in place of several, by path; takes these out of `parts`."""
    rows = next(rows for rows in parts[0].values() if len(rows))
    [owner] = segment.owners(rows)
    tables = joined(parts)
    del rows
    parts.clear()  # What they hold is in `tables`, and memory is bounded.
    return {
        place.path_of(name, owner.run, owner.writer, first, last): segment.encode(tables.pop(name))
        for name in list(tables)
    }


class Changes:
    """Files to add to a remote and to delete there, gathered into few commits.

    What is put together is committed together, as far as a commit has room for it.
    """

    def __init__(self, remote: Remote, folder: Path) -> None:
        """`folder` keeps the files until they are committed."""
        self.remote = remote
        self.added = self.deleted = 0
        self._folder = folder
        self._add: dict[str, Path] = {}
        self._delete: dict[str, None] = {}
        self._size = 0

    def put(self, add: Mapping[str, bytes], delete: Collection[str]) -> None:
        """Raises RemoteError where this makes a commit full, and that fails."""
        size = sum(map(len, add.values()))
        changes = len(self._add) + len(self._delete) + len(add) + len(delete)
        if changes > MAX_FILES or self._size + size > MAX_BYTES:
            self.commit()
        for path, data in add.items():
            file = self._folder / str(self.added + len(self._add))
            file.write_bytes(data)
            self._add[path] = file
        self._delete |= dict.fromkeys(sorted(delete))
        self._size += size

    def commit(self) -> None:
        """Commits what was put."""
        add, delete = self._add, list(self._delete)
        commit(self.remote, add, delete, f"{len(delete)} segments become {len(add)}")
        for file in add.values():
            file.unlink()
        self.added += len(add)
        self.deleted += len(delete)
        self._add, self._delete, self._size = {}, {}, 0

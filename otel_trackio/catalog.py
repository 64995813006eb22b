"""What a remote holds: its runs, their writers, and the ranges of numbers that lie there.

The paths say all of it, so that nothing is read but the list of files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from otel_trackio import place
from otel_trackio.errors import RemoteRefused
from otel_trackio.remote import Entry, Remote

MOST_LISTINGS: Final = 5
"""How often a remote is listed: again, where something that it listed could not be used."""

RUNS_AT_ONCE: Final = 50
"""Runs whose events are read, and in memory, at once."""


@dataclass(frozen=True, slots=True)
class Span:
    """A range of one writer's numbers, both ends included, and its segments by table."""

    first: int
    last: int
    files: Mapping[str, Entry]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(entry.size for entry in self.files.values())

    @property
    def paths(self) -> frozenset[str]:
        """What tells it from every other span."""
        return frozenset(entry.path for entry in self.files.values())

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


Writers: TypeAlias = Mapping[str, tuple[Span, ...]]
"""The spans of a run's writers, by their ids as paths encode them, in order of their numbers."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """The runs of the remote called `url`, by their ids as paths encode them.

    `files` are those that records of a run name, or its records to come.
    """

    url: str
    runs: Mapping[str, Writers]
    files: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)

    def of(self, run_id: str) -> Writers:
        """What there is of a run; nothing where it is not there."""
        return self.runs.get(place.encoded(run_id), {})


def catalog(remote: Remote, run_id: str | None = None) -> Catalog:
    """Lists a remote, or one run alone, which takes less where there are many.

    Raises RemoteError; also where the remote holds no run, or is not there.
    """
    if run_id is not None:
        folders = [place.run_folder(table, run_id) for table in (*place.TABLES, place.FILES)]
        entries = [entry for folder in folders for entry in remote.list(folder)]
        return catalogued(remote.url, entries)
    entries = remote.list(place.ROOT)
    found = catalogued(remote.url, entries)  # Only now a bare name is a full one.
    if not found.runs:
        hint = "check its name, and that you may read what is there"
        raise RemoteRefused(f"no runs in {remote.url}", hint, "empty")
    return found


def catalogued(url: str, entries: Iterable[Entry]) -> Catalog:
    """The catalog of these files; what is no segment of ours is passed over."""
    found: dict[str, dict[str, dict[tuple[int, int], dict[str, Entry]]]] = {}
    files: dict[str, list[Entry]] = {}
    for entry in entries:
        where = place.place_of(entry.path)
        if where is not None:
            ranges = found.setdefault(where.run, {}).setdefault(where.writer, {})
            ranges.setdefault((where.first, where.last), {})[where.table] = entry
        elif beside := place.file_of(entry.path):
            files.setdefault(beside[0], []).append(entry)
    runs = {
        run: {writer: tuple(_spans(ranges)) for writer, ranges in sorted(writers.items())}
        for run, writers in sorted(found.items())
    }
    return Catalog(url, runs, {run: tuple(entries) for run, entries in files.items()})


def _spans(ranges: Mapping[tuple[int, int], dict[str, Entry]]) -> Iterator[Span]:
    for (first, last), files in sorted(ranges.items()):
        yield Span(first, last, files)


@dataclass(frozen=True, slots=True)
class Cover:
    """The spans of a writer that hold each number once, and what lies there beside them.

    `spare` are spans whose numbers wider ones hold too, as a merge leaves them when it is cut
    short; `gaps` the ranges that are missing before numbers that are there.
    """

    spans: tuple[Span, ...]
    spare: tuple[Span, ...]
    gaps: tuple[tuple[int, int], ...]


def cover(spans: Sequence[Span], after: int = 0) -> Cover:
    """As few spans as hold all numbers above `after`; one that begins in another has the rest.

    What holds nothing above `after` is spare.
    """
    chosen: list[Span] = []
    gaps: list[tuple[int, int]] = []
    waiting = sorted(spans, key=lambda span: (span.first, span.last), reverse=True)
    while waiting:
        if waiting[-1].first > after + 1:
            gaps.append((after + 1, waiting[-1].first - 1))
            after = waiting[-1].first - 1
        best = Span(0, after, {})
        while waiting and waiting[-1].first <= after + 1:
            best = max(best, waiting.pop(), key=lambda span: span.last)
        if best.last > after:
            chosen.append(best)
            after = best.last
    kept = {(span.first, span.last) for span in chosen}
    spare = tuple(span for span in spans if (span.first, span.last) not in kept)
    return Cover(tuple(chosen), spare, tuple(gaps))

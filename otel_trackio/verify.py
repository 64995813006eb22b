"""Verifying a remote: everything that counts is read, and found to be what it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final, TypeAlias

import pyarrow as pa

from otel_trackio import attachment, beside, place, segment
from otel_trackio.catalog import MOST_LISTINGS, Catalog, Span, catalog, cover
from otel_trackio.download import GONE, LOST, Download, Spot
from otel_trackio.errors import RemoteRefused, StoreError
from otel_trackio.reading import Reading
from otel_trackio.remote import Entry, Remote

CARD: Final = "README.md"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a remote, and what helps."""

    what: str
    remedy: str


@dataclass(slots=True)
class Verified:
    """What was looked at: `files` were read, which hold `points` and, beside them, `others`
    (events, histograms, records). `spare` files hold nothing that these do not.
    """

    runs: int = 0
    writers: int = 0
    files: int = 0
    bytes: int = 0
    points: int = 0
    others: int = 0
    spare: int = 0
    problems: list[Problem] = field(default_factory=list)

    def add(self, other: Verified) -> None:
        self.runs += other.runs
        self.writers += other.writers
        self.files += other.files
        self.bytes += other.bytes
        self.points += other.points
        self.others += other.others
        self.spare += other.spare
        self.problems += other.problems


Progress: TypeAlias = Callable[[Verified, int], None]
"""Told what was looked at so far, and how many files there are."""


def verify(remote: Remote, progress: Progress = lambda done, total: None) -> Verified:
    """Reads all of a remote that counts, one range after the other.

    Each writer's numbers follow one another, each is there once, in a file that is whole, has the
    columns of its table, and holds what its path says. Raises RemoteError.
    """
    done = Verified()
    done.problems += _card(remote)
    again: set[str] | None = None
    for _ in range(MOST_LISTINGS):
        found = catalog(remote)
        names = set(found.runs) if again is None else again & set(found.runs)
        again = set()
        entries = list(_entries(found, names))
        total = done.files + len(entries)
        with Download(remote, entries) as download:
            for name in sorted(names):
                try:
                    done.add(_run(remote, found, name, download))
                except RemoteRefused as error:
                    if error.kind not in GONE:
                        raise
                    again.add(name)  # Somebody merged it meanwhile.
                progress(done, total)
        if not again:
            return done
    for name in sorted(again or ()):
        done.problems.append(Problem(f"run {name} changes all the time", "verify it again later"))
    return done


def _card(remote: Remote) -> Iterator[Problem]:
    try:
        remote.read(CARD)
    except RemoteRefused as error:
        if error.kind not in GONE:
            raise
        yield Problem(f"{CARD} is missing in {remote.url}", "the next sync writes it")


def _entries(found: Catalog, names: set[str]) -> Iterator[Entry]:
    for name in sorted(names):
        for spans in found.runs[name].values():
            for span in cover(spans).spans:
                yield from span.files.values()
        yield from filter(beside.is_readable, found.files.get(name, ()))


def _run(remote: Remote, found: Catalog, name: str, download: Download) -> Verified:
    done = Verified(runs=1)
    named: set[str] = set()
    for writer, spans in found.runs[name].items():
        done.add(_writer(Spot(found.url, name, writer), spans, download, named))
    entries = found.files.get(name, ())
    done.add(_beside(found.url, entries, download))
    folder = f"{place.ROOT}/{place.FILES}/{name}"
    if named - set(map(beside.name_of, entries)):  # They may have come since.
        named -= set(map(beside.name_of, remote.list(folder)))
        for each in sorted(named):
            what = f"{folder}/{each[:2]}/{each} in {found.url} is missing"
            done.problems.append(Problem(what, LOST))
    return done


def _beside(url: str, entries: Sequence[Entry], download: Download) -> Verified:
    """Files that records name."""
    done = Verified()
    for entry in entries:
        try:
            if not beside.is_readable(entry):
                raise beside.too_large(url, entry)
            data = beside.checked(url, entry, download.read(entry))
            done.files += 1
            done.bytes += len(data)
        except StoreError as error:
            done.problems.append(Problem(error.message, error.hint))
    return done


def _writer(spot: Spot, spans: Sequence[Span], download: Download, named: set[str]) -> Verified:
    """Adds to `named` the files that its records name."""
    done = Verified(writers=1)

    def read(entry: Entry) -> bytes:
        data = download.read(entry)
        done.files += 1
        done.bytes += len(data)
        done.problems += _columns(spot, entry, data)
        return data

    reading = Reading(spot, spans, read)
    counted: set[str] = set()
    for span, tables in reading:
        counted |= span.paths
        for name, rows in tables.items():
            if name == "points":
                done.points += len(rows)
            else:
                done.others += len(rows)
            if name == "records":
                for data in rows["data"].to_pylist():
                    named.update(attachment.named_in(data))
    if reading.error is not None:
        done.problems.append(Problem(reading.error.message, reading.error.hint))
    done.spare = sum(len(span.paths - counted) for span in spans)
    return done


def _columns(spot: Spot, entry: Entry, data: bytes) -> Iterator[Problem]:
    """Readers that know nothing of us refuse a table whose files differ in a single column."""
    found = place.place_of(entry.path)
    if found is None or found.table not in segment.TABLES:
        return
    try:
        same = segment.shape(data).equals(_shape(found.table))
    except (pa.ArrowException, OSError):
        return  # It is told as damage.
    if not same:
        what = f"{entry.path} in {spot.url} has not the columns of {found.table}"
        yield Problem(what, "pip install -U otel-trackio, then otel-trackio remote merge")


@cache
def _shape(table: str) -> pa.Schema:
    return segment.shape(segment.encode(segment.TABLES[table].empty_table()))

"""The outbox: segments cut from run files, waiting to be uploaded.

A writer cuts its own file, so that only one process ever reads it for that, and merges what it has
cut; whoever holds the outbox's lease uploads what all of them have written. A range is committed
before anything is written: after a crash the same range gives the same bytes at the same path.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from otel_trackio import attachment, layout, parcel, place, ranges, segment
from otel_trackio.backlog import numbers_behind
from otel_trackio.diagnostics import logger
from otel_trackio.extract import extract
from otel_trackio.lease import Lease
from otel_trackio.model import Event
from otel_trackio.numbered import last_within
from otel_trackio.parcel import Parcel
from otel_trackio.ranges import MAX_NUMBERS, MAX_TEXT, MERGED, ROW_BYTES, Range, Ranges
from otel_trackio.remote import Entry
from otel_trackio.runfile import HELD, RunFile
from otel_trackio.segment import Extract
from otel_trackio.sent import Sent

MAX_MEMORY: Final = 64_000_000
"""Bytes by which a sync or a pull, however large, raises a process's memory at most; more only
where a single number has more JSON than MAX_TEXT."""

SYNC: Final = "sync:"
"""How the names of an outbox's cursors begin, and its key of `meta`; the remote's URL follows."""

POLL_SECONDS: Final = 0.1
"""Between two tries to get the right to upload."""

COUNTERS: Final = (
    "next_seq",
    "lamport",
    "journal_position",
    "journal_number",
    "counts",
    "heartbeat_ns",
    HELD,
)
"""Keys of `meta` that change while a writer records, and so are not told once."""


class Outbox:
    """The segments that wait for one remote, at their paths there, under a folder of DIR."""

    def __init__(self, dir: Path, url: str, merged: int = MERGED) -> None:
        self.url = url
        self.root = dir / "outbox" / layout.encode_id(url)
        self.lock = self.root.with_name(self.root.name + ".lock")
        self.state = self.root.with_name(self.root.name + ".json")
        self.sent = Sent(self.root.with_name(self.root.name + ".sent"))
        self.cursor = f"{SYNC}{url}"
        self._merged = merged

    def cut(self, file: RunFile) -> int:
        """Writes what `file` has recorded since it was cut last; how many numbers that were."""
        amount = 0
        while numbers := self.cut_one(file):
            amount += numbers
        return amount

    def cut_one(self, file: RunFile) -> int:
        """The same for one segment, which bounds how long it takes; 0 where all is cut.

        Where that has made enough segments of one level, they are merged.
        """
        self._merge(file)
        last = self._next(file)
        if last is None:
            return 0
        first = file.cursor(self.cursor) + 1
        size = self._write(file, first, last)
        segment.release()
        with file.transaction():
            file.set_cursor(self.cursor, last)
            cut = Range(first, last, text=size)
            self._keep(file, ranges.with_cut(self._ranges(file), cut, self._merged))
        return last - first + 1

    def _next(self, file: RunFile) -> int | None:
        """The end of the range to be cut, committed for good; None where all is cut."""
        position, cutting = file.cursor(self.cursor), file.cursor(f"{self.cursor}:cutting")
        if cutting > position:
            return cutting  # A crash came between.
        last: int = min(position + MAX_NUMBERS, file.meta("next_seq") - 1)
        if last <= position:
            return None
        last = last_within(file.connection, position, last, MAX_TEXT)
        with file.transaction(durable=True):
            file.set_cursor(f"{self.cursor}:cutting", last)
        return last

    def _merge(self, file: RunFile) -> None:
        """Writes what a crash left to be merged, then what is to be, level by level."""
        known = self._ranges(file)
        while True:
            if not ranges.being_merged(known):
                known = ranges.with_merge_begun(known, self._merged)
                if not ranges.being_merged(known):
                    return
                with file.transaction(durable=True):
                    self._keep(file, known)
            self._write(file, known[-1].first, known[-1].last, ranges.being_merged(known))
            known = ranges.with_merge_done(known)
            with file.transaction():
                self._keep(file, known)

    def _ranges(self, file: RunFile) -> Ranges:
        return ranges.from_json(file.meta(self.cursor, "[]"))

    def _keep(self, file: RunFile, known: Ranges) -> None:
        file.set_meta(self.cursor, ranges.to_json(known))

    def _write(self, file: RunFile, first: int, last: int, replaced: Ranges = ()) -> int:
        """Writes a range, in place of others; how many bytes of JSON are in it."""
        found = extract(file, first, last)
        if first == 1:
            found = found.introduced(_introduction(file))
        tables = {place.LAST: segment.POINTS.empty_table(), **segment.tables(found)}
        run, writer = found.owner.run, found.owner.writer
        files = {
            place.path_of(name, run, writer, first, last): segment.encode(table)
            for name, table in tables.items()
        }
        parts = [
            place.path_of(name, run, writer, part.first, part.last)
            for part in replaced
            for name in tables
        ]
        if not replaced:  # What their records name was put here with them.
            self._put_files(file.path, found)
        parcel.write(self.root, files, parts)
        rows = [table for name, table in tables.items() if name != place.LAST]
        return sum(table["data"].nbytes + ROW_BYTES * len(table) for table in rows)

    def _put_files(self, path: Path, found: Extract) -> None:
        """Puts the files here that records name: they are there before these are."""
        folder = layout.files_dir(path.parent)
        named = (name for _, record in found.records for name in attachment.named(record.data))
        for name in dict.fromkeys(named):
            try:
                target = place.file_path(found.owner.run, name)
                parcel.add_file(self.root, target, folder / name)
            except FileNotFoundError:
                logger.warning("%s is missing; its record is synced without it", folder / name)

    def leased(self, timeout: float) -> Lease | None:
        """The right to upload, and to forget what was uploaded; None while another has it."""
        self.lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        end = time.monotonic() + timeout
        while (lease := Lease.take(self.lock)) is None:
            if time.monotonic() > end:
                return None
            time.sleep(POLL_SECONDS)
        return lease

    def behind(self, file: RunFile, waiting: Iterable[Entry], end: int | None = None) -> int:
        """How many numbers of `file`, up to `end`, the remote lacks, where those segments wait."""
        number, position = file.meta("next_seq"), file.cursor(self.cursor)
        if end is not None:
            number = min(number, max(position, end) + 1)
        return numbers_behind(number, position, file.meta("writer"), waiting)

    def parcels(self) -> list[Parcel]:
        """What is to be uploaded: files that records name, then the oldest numbers of each writer.

        A file that was uploaded before is not.
        """
        return [each for each in parcel.parcels(self.root) if not self.sent.holds(each)]

    def waiting(self) -> list[Entry]:
        """The files that are to be uploaded."""
        return [entry for each in self.parcels() for entry in each.files]

    def path(self, entry: Entry) -> Path:
        return self.root / entry.path

    def done(self, sent: Parcel) -> None:
        """Forgets what the remote holds."""
        self.sent.add(sent)
        parcel.remove(self.root, sent)

    def tidy(self) -> None:
        """Drops files that were uploaded before, and that more records name."""
        for each in parcel.beside(self.root):
            if self.sent.holds(each):
                parcel.remove(self.root, each)


def _introduction(file: RunFile) -> Event:
    """What a writer is, as the first row of its events: number 0, which nothing else has."""
    meta = {
        key: value
        for key, value in sorted(file.all_meta().items())
        if key not in COUNTERS and not key.startswith(SYNC)
    }
    return Event(segment.INTRODUCTION, file.meta("created_ns"), meta, 0, file.meta("writer"), 0)

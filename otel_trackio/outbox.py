"""The outbox: segments cut from run files, waiting to be uploaded.

A writer cuts its own file, so that only one process ever reads it for that; whoever holds the
outbox's lease uploads what all of them have cut. The range is committed before anything is
written: after a crash the same range gives the same bytes at the same path.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from otel_trackio import layout, place, segment
from otel_trackio.backlog import numbers_behind
from otel_trackio.extract import extract
from otel_trackio.model import Event
from otel_trackio.remote import UNFINISHED, Entry, write_whole
from otel_trackio.runfile import RunFile

MAX_NUMBERS: Final = 131_072
"""Numbers in a segment at most, as many as a row group has: what bounds the memory of a sync."""

MAX_MEMORY: Final = 64_000_000
"""Bytes by which a sync or a pull, however large, raises a process's memory at most."""

COUNTERS: Final = ("next_seq", "lamport", "journal_position", "journal_number", "counts")
"""Keys of `meta` that change while a writer records, and so are not told once."""


class Outbox:
    """The segments that wait for one remote, at their paths there, under a folder of DIR."""

    def __init__(self, dir: Path, url: str) -> None:
        self.root = dir / "outbox" / layout.encode_id(url)
        self.lock = self.root.with_name(self.root.name + ".lock")
        self.state = self.root.with_name(self.root.name + ".json")
        self.cursor = f"sync:{url}"

    def cut(self, file: RunFile) -> int:
        """Writes what `file` has recorded since it was cut last; how many numbers that were."""
        amount = 0
        while numbers := self.cut_one(file):
            amount += numbers
        return amount

    def cut_one(self, file: RunFile) -> int:
        """The same for one segment, which bounds how long it takes; 0 where all is cut."""
        last = self._next(file)
        if last is None:
            return 0
        first = file.cursor(self.cursor) + 1
        self._write(file, first, last)
        with file.transaction():
            file.set_cursor(self.cursor, last)
        return last - first + 1

    def _next(self, file: RunFile) -> int | None:
        """The end of the range to be cut, committed for good; None where all is cut."""
        position, cutting = file.cursor(self.cursor), file.cursor(f"{self.cursor}:cutting")
        if cutting > position:
            return cutting  # A crash came between.
        last: int = min(position + MAX_NUMBERS, file.meta("next_seq") - 1)
        if last <= position:
            return None
        with file.transaction(durable=True):
            file.set_cursor(f"{self.cursor}:cutting", last)
        return last

    def _write(self, file: RunFile, first: int, last: int) -> None:
        found = extract(file, first, last)
        if first == 1:
            found = found.introduced(_introduction(file))
        for name, table in segment.tables(found).items():
            path = place.path_of(name, found.owner.run, found.owner.writer, first, last)
            write_whole(self.root / path, segment.encode(table))

    def has_begun(self, file: RunFile) -> bool:
        """Whether anything of `file` was ever cut."""
        return file.cursor(self.cursor) > 0

    def behind(self, file: RunFile, waiting: Iterable[Entry]) -> int:
        """How many numbers of `file` the remote has not, where those segments wait."""
        position = file.cursor(self.cursor)
        return numbers_behind(file.meta("next_seq"), position, file.meta("writer"), waiting)

    def waiting(self) -> list[Entry]:
        """What is to be uploaded: the oldest numbers of each writer first."""
        return [
            Entry(path.relative_to(self.root).as_posix(), path.stat().st_size)
            for path in sorted(self.root.rglob("*.parquet"))
            if path.suffix != UNFINISHED
        ]

    def path(self, entry: Entry) -> Path:
        return self.root / entry.path

    def done(self, entry: Entry) -> None:
        """Forgets a segment that the remote holds."""
        self.path(entry).unlink(missing_ok=True)


def _introduction(file: RunFile) -> Event:
    """What a writer is, as the first row of its events: number 0, which nothing else has."""
    meta = {key: value for key, value in file.all_meta().items() if key not in COUNTERS}
    return Event(segment.INTRODUCTION, file.meta("created_ns"), meta, 0, file.meta("writer"), 0)

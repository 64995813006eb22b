"""Replicas: run files of writers that recorded elsewhere, brought here under their own numbers.

So what is here already is not fetched again, and what comes twice is held once.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from otel_trackio import database, layout, segment
from otel_trackio.diagnostics import logger
from otel_trackio.edit import EDIT_PAGE, EDITOR
from otel_trackio.errors import StoreBusy, StoreError
from otel_trackio.lease import Lease
from otel_trackio.model import Columns
from otel_trackio.runfile import PAGE, REPLICA, RunFile
from otel_trackio.segment import Extract, taken_after

PULLED: Final = "pulled"
"""Cursor of such a file: up to which number it holds all."""


def position(path: Path) -> int | None:
    """Up to which number a writer's file here holds all; None where it is the origin's own.

    Raises StoreError where the file cannot be read.
    """
    if not path.exists():
        return 0
    try:
        with closing(database.open_reading(path)) as db:
            if db.execute("SELECT 1 FROM meta WHERE key = ?", (REPLICA,)).fetchone() is None:
                return None
            row = db.execute("SELECT position FROM cursor WHERE name = ?", (PULLED,)).fetchone()
            return int(row[0]) if row else 0
    except database.FAILURES as error:
        raise database.damaged(path, error) from error


class Replica:
    """A writer's file here, while it is brought up to date. Close it: that folds what is new."""

    def __init__(self, path: Path, url: str) -> None:
        """Raises StoreBusy where somebody is at it, StoreError where it cannot be read."""
        self.path = path
        self._url = url
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lease = Lease.take(layout.lock_file(path))
        if lease is None:
            raise StoreBusy(f"{path} is in use by a live process", "pull again when it has ended")
        self._lease = lease
        self._file: RunFile | None = None
        self._grown = False
        try:
            self.position = position(path) or 0
            if path.exists():
                self._file = RunFile.open(path)
        except BaseException:
            self._let_go()
            raise

    def add(self, extract: Extract, last: int) -> int:
        """Takes in what is new of an extract that ends with the number `last`; how much that is.

        Raises StoreError where there is no room for it, say.
        """
        if last <= self.position:
            return 0
        try:
            if self._file is None:
                self._file = self._created(extract)
            _add(self._file, taken_after(extract, self.position), last)
        except database.FAILURES as error:
            raise database.damaged(self.path, error) from error
        added = last - self.position
        self.position, self._grown = last, True
        return added

    def close(self) -> None:
        try:
            if self._file is not None and self._grown:
                self._file.fold_all()
        except database.FAILURES as error:  # It holds everything, only not as tidy as it may be.
            logger.warning("%s", database.damaged(self.path, error))
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._file is not None:
            self._file.close()
        self._lease.remove()
        self._lease.release()

    def _created(self, extract: Extract) -> RunFile:
        introduced = [event for event in extract.events if event.kind == segment.INTRODUCTION]
        if not introduced:
            raise StoreError(f"nothing introduces {self.path.stem} in {self._url}", "sync it again")
        # No machine's boot is "": whether its writer lives, only its last sign of life can tell.
        meta = {**introduced[0].data, "boot_id": "", REPLICA: self._url}
        page = EDIT_PAGE if meta.get("part") == EDITOR else PAGE
        return RunFile.create(self.path, meta, page_size=page)


def _add(file: RunFile, extract: Extract, last: int) -> None:
    times = [int(columns.points.time.max()) for _, columns in extract.points if len(columns)]
    times += [event.time for event in extract.events]
    with file.transaction():  # What a power loss takes, its cursor included, is fetched again.
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

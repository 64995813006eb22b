"""The writer thread: moves what was recorded from the journal and the instruments to the run file.

It alone touches the run file while a run is live. Each interval, and when the journal is half full,
one transaction stores what is new together with how far the journal was read. What fails is kept
and tried again.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from otel_trackio import forking, layout
from otel_trackio.attachments import Attachments
from otel_trackio.diagnostics import Diagnostics
from otel_trackio.errors import StoreBusy
from otel_trackio.frames import Scan
from otel_trackio.intake import Intake, Taken
from otel_trackio.journal import Journal, allocate
from otel_trackio.lease import Lease
from otel_trackio.model import Batch
from otel_trackio.runfile import RunFile, remove
from otel_trackio.settings import Settings
from otel_trackio.threads import started

CLOSE_SECONDS: Final = 1.0
"""How long the end of a run waits at least for what is left to be stored, which takes a moment,
though a remote may have taken all the time there was."""

RETRY_SECONDS: Final = 5.0
"""How long the writer waits after a failure at most; an interval, where that is shorter."""


class Writer:
    """Owns a run file, its journal and its lease, from creation to `close`."""

    def __init__(
        self,
        path: Path,
        meta: Mapping[str, Any],
        settings: Settings,
        diagnostics: Diagnostics,
        stored: Callable[[Taken], None] = lambda taken: None,
    ) -> None:
        """Raises StoreError or OSError where there is no room for the files at `path`."""
        self.path = path
        self._settings = settings
        self._diagnostics = diagnostics
        self._stored = stored
        self._wake = threading.Event()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The lease comes first: whoever sees the file must see that its writer lives.
        self._lease = self._leased()
        with ExitStack() as undo:  # Nothing stays of a writer that finds no room to start.
            undo.callback(self._lease.release)
            undo.callback(self._lease.remove)
            undo.callback(remove, path)
            meta = {**meta, "journal_size": settings.journal_size}
            self._file = RunFile.create(path, meta, settings.fold_points)
            undo.callback(self._file.close)
            medium = allocate(layout.journal_file(path), settings.journal_size)
            undo.pop_all()
        self.journal = Journal(medium, settings.journal_size, settings.full_wait, self._wake)
        self.files = Attachments(path.parent)
        self._intake = Intake(self._file, meta["rank"])
        self._number = 0
        self._pending: deque[Batch] = deque()
        self._tasks: deque[tuple[Callable[[RunFile], int], Future[int]]] = deque()
        self.points = 0
        self._next_beat = 0.0
        self._reported: dict[str, int] = {}
        self._rounds = threading.Condition()
        self._begun = self._completed = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="otel-trackio", daemon=True)
        self._threaded = started(self._thread)

    def submit(self, batch: Batch) -> bool:
        """Takes a batch to store; False where too much waits already and it was counted as lost."""
        limit = self._settings.max_pending
        if self._pending and sum(map(len, list(self._pending))) + len(batch) > limit:
            self._diagnostics.error(
                "dropped.pending",
                f"more than {limit} measurements wait to be stored and newer ones are dropped:"
                " free the disk, or raise OTEL_TRACKIO_MAX_PENDING",
                amount=len(batch),
            )
            return False
        self._pending.append(batch)
        self._wake.set()
        return True

    def flush(self, timeout: float) -> bool:
        """Waits until everything recorded before this call is stored; False if it is not yet."""
        if not self._threaded:
            return self._round()
        deadline = time.monotonic() + timeout
        with self._rounds:
            wanted = self._begun + 1
            while self._completed < wanted:
                left = deadline - time.monotonic()
                if left <= 0 or not self._thread.is_alive():
                    return False
                self._wake.set()
                self._rounds.wait(min(left, 0.1))
        return True

    def perform(self, task: Callable[[RunFile], int], timeout: float) -> int:
        """What `task` makes of the run file, on the thread that owns it.

        Raises TimeoutError where that does not come to it in `timeout` seconds.
        """
        asked: Future[int] = Future()
        self._tasks.append((task, asked))
        self._wake.set()
        if not self._threaded:
            self._perform()
        return asked.result(timeout)

    def _perform(self) -> None:
        while self._tasks:
            task, asked = self._tasks.popleft()
            try:
                with forking.unforked():
                    asked.set_result(task(self._file))
            except Exception as error:  # noqa: BLE001 (it is raised to whoever asked)
                asked.set_exception(error)

    def close(self, timeout: float) -> bool:
        """Stores what is left, folds, and lets the files go; False if something is not stored.

        What could not be stored stays in the journal file, and recovery brings it in later.
        """
        timeout = max(timeout, CLOSE_SECONDS)
        complete = self.flush(timeout)
        self._closing = True
        self._wake.set()
        if self._threaded:
            self._thread.join(timeout)
            if self._thread.is_alive():
                return False
        self.journal.seal()
        complete = complete and self._round()  # For calls that were under way meanwhile.
        self.journal.close()
        with forking.unforked():
            if complete:
                self._fold()
                layout.journal_file(self.path).unlink(missing_ok=True)
            else:
                self._diagnostics.count("dropped.pending", sum(map(len, self._pending)))
            self._file.close()
        if complete:
            self._lease.remove()
        self._lease.release()
        return complete

    def _fold(self) -> None:
        try:
            self._file.fold_all()
        except sqlite3.Error as error:
            self._failed(error)

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(self._settings.interval)
            self._wake.clear()
            stored = self._round()
            self._perform()  # So that a task finds what was logged before it was asked for.
            if not stored:
                time.sleep(min(RETRY_SECONDS, self._settings.interval))

    def _round(self) -> bool:
        """One transaction; True where everything recorded before it is stored now."""
        with self._rounds:
            self._begun += 1
            begun = self._begun
        try:
            with forking.unforked():
                self._store()
        except StoreBusy as error:
            self._failed(error)
            self._catch_up()
            return False
        except Exception as error:  # noqa: BLE001 (the edge to training; the thread must live)
            self._failed(error)
            return False
        with self._rounds:
            self._completed = begun
            self._rounds.notify_all()
        return True

    def _failed(self, error: Exception) -> None:
        self._diagnostics.error(
            "store.failed",
            f"cannot write {self.path}: {error}; metrics are kept and it is tried again",
        )

    def _store(self) -> None:
        beat = time.monotonic() >= self._next_beat
        if beat:
            self._mend()
        data, position = self.journal.undrained()
        batches = list(self._pending)
        counts = self._diagnostics.counts()
        if not (beat or data or batches or counts != self._reported):
            return
        self._settle()
        scan = Scan(data, self._number)
        with self._file.transaction():
            if self._file.stored_position() != position - len(data):
                raise StoreBusy("another process recovered it", "do not touch its lock file")
            taken = self._intake.store(scan, batches, time.time_ns())
            self._file.set_meta("journal_position", position)
            self._file.set_meta("journal_number", scan.number)
            self._file.set_meta("heartbeat_ns", time.time_ns())
            self._file.set_meta("counts", json.dumps(counts))
        self._number = scan.number
        self.journal.drained(position)
        for _ in batches:
            self._pending.popleft()
        self.points += taken.points
        if taken.unknown:
            self._diagnostics.count("dropped.unknown", taken.unknown)
        self._reported = counts
        self._next_beat = time.monotonic() + self._settings.heartbeat
        self._stored(taken)

    def _settle(self) -> None:
        try:
            self.files.settle()
        except OSError as error:  # Numbers do not wait for a disk that cannot hold an image.
            self._diagnostics.error(
                "files.unsettled",
                f"a file in {self.files.folder} may not outlive the machine: {error}",
            )

    def _catch_up(self) -> None:
        # Our lock was lost: whoever recovered the file took a part of the journal, once and for
        # all, and removed it. We go on behind that part.
        self._intake = Intake(self._file, self._file.meta("rank"))
        self._number = self._file.meta("journal_number")
        self.journal.drained(self._file.meta("journal_position"))
        self._next_beat = 0.0

    def _mend(self) -> None:
        """Writes files that were deleted under the live run again: we still hold what they held."""
        self._lease.renew()
        lock, ring = self._lease.path, layout.journal_file(self.path)
        missing = [path for path in (lock, self.path, ring) if not path.exists()]
        if not missing:
            return
        self._diagnostics.error(
            "store.deleted", f"{missing[0]} was deleted under the live run: writing it again"
        )
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if lock in missing:
            self._lease.release()
            self._lease = self._leased()
        if self.path in missing:
            deleted = self._file
            self._file = self._intake.target = deleted.copy_to(self.path)
            deleted.close()
        if ring in missing:
            self.journal.move(allocate(ring, self._settings.journal_size))

    def _leased(self) -> Lease:
        lease = Lease.take(layout.lock_file(self.path))
        if lease is None:
            raise StoreBusy(f"{self.path} belongs to another live process", "start a new run")
        return lease

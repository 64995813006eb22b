"""What goes between a scratch and the DIR that it stands in for: segments, both ways."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from otel_trackio import beacon, layout, lease, place
from otel_trackio.backlog import numbers_behind
from otel_trackio.diagnostics import logger
from otel_trackio.errors import RemoteError, StoreError
from otel_trackio.lease import Lease
from otel_trackio.reader import RunFileReader
from otel_trackio.remote import Entry, Folder
from otel_trackio.runfile import REPLICA
from otel_trackio.scratch import Scratch
from otel_trackio.storedrun import StoredRun

if TYPE_CHECKING:
    from otel_trackio.outbox import Outbox

FETCH_SECONDS: Final = 3.0
"""How old what was fetched may be; machines bring what is new to DIR every 15 s."""

FETCH_SHARE: Final = 0.1
"""Which part of a reader's time fetching may take: a DIR that is slow to list is asked less."""

FETCH_WAIT: Final = 30.0
"""Seconds to wait for another process that is fetching, where nothing was fetched yet."""

CLOCK_SECONDS: Final = 1.0
"""By how much the time that a file bears may be behind the clock."""


class Exchange:
    """Brings to a scratch what DIR has, and to DIR what only the scratch has.

    What fails is logged, once: what is here is read all the same, and waits to be brought there.
    Any thread may use it.
    """

    def __init__(self, scratch: Scratch) -> None:
        self.scratch = scratch
        self.remote = Folder(scratch.shared)
        self._due: dict[str | None, float] = {}
        self._pause = 0.0
        self._listed: list[Entry] = []
        self._signs: dict[str, int] = {}
        self._told: set[str] = set()
        self._turn = threading.Lock()

    def fetch(self, run: str | None = None) -> None:
        """Brings what DIR has of all runs, or of one, unless that was done just now.

        `run` is the name of its folder.
        """
        if not self._turn.acquire(blocking=run not in self._due):
            return  # Another thread is at it.
        try:
            if self._is_due(run):
                began = time.monotonic()
                self._fetch(run)
                ended = time.monotonic()
                self._due[run] = ended + FETCH_SECONDS
                self._pause = ended + (ended - began) / FETCH_SHARE
        finally:
            self._turn.release()

    def _is_due(self, run: str | None) -> bool:
        now = time.monotonic()
        known = [self._due[each] for each in (None, run) if each in self._due]
        return not known or now >= max(self._pause, *known)

    def _fetch(self, run: str | None) -> None:
        wait = 0.0 if run in self._due else FETCH_WAIT
        try:
            self.scratch.make()
            if not (self.scratch.shared / place.ROOT).is_dir():
                return
            held = _taken(self.scratch.folder / "fetch.lock", wait)
            if held is None:
                return  # What another process fetches is there for us, too.
            try:
                self._pull(run)
                self._signs = beacon.signs(self.scratch.shared)
            finally:
                held.release()
        except (RemoteError, StoreError, OSError) as error:
            self._tell(f"what is shown of {self.scratch.shared} may be old: {error}")

    def _pull(self, run: str | None) -> None:
        from otel_trackio.pull import pull  # Loads pyarrow, which is not light.

        if run is not None:
            pull(self.remote, self.scratch.folder, run=_id_of(run))
            return
        listed = self.remote.list(place.ROOT)
        if listed != self._listed:
            done = pull(self.remote, self.scratch.folder)
            self._listed = [] if done.busy or done.unfinished else listed

    def older(self, run_dir: Path) -> Path:
        """Where files of a run lie that were recorded in DIR itself, before it had a scratch."""
        return layout.runs_dir(self.scratch.shared) / run_dir.name

    def heartbeat(self, run_file: Path) -> int:
        """The last sign of life of a writer that was fetched, in ns; 0 where there is none."""
        return self._signs.get(run_file.stem, 0)

    def publish(self, run_dir: Path) -> bool:
        """Brings what is new in a run's folder to DIR; of a deleted run only the tombstone.

        What live processes record they bring themselves. False where something did not get there.
        """
        from otel_trackio.sync import sync
        from otel_trackio.withdraw import withdraw

        try:
            with StoredRun(run_dir) as run:
                run_id, deleted = run.id, run.facts().deleted
            if deleted:
                withdraw(self.scratch.folder, run_id, self.remote)
            else:
                sync(self.scratch.folder, [run_dir], self.remote, replicas=True)
        except (RemoteError, StoreError, OSError) as error:
            self._tell(f"{self.scratch.shared} has not got all that is new here: {error}")
            return False
        return True

    def waiting(self) -> Iterator[Path]:
        """Run files here that no live process holds, and of which DIR has not got everything."""
        return self._waiting(0.0)

    def _waiting(self, since: float) -> Iterator[Path]:
        from otel_trackio.outbox import Outbox

        outbox = Outbox(self.scratch.folder, self.remote.url)
        segments = outbox.waiting()
        for run_dir in layout.run_dirs(self.scratch.folder):
            for path in layout.run_files(run_dir):
                if _is_left(path, since) and _is_behind(path, outbox, segments):
                    yield path

    def settle(self) -> None:
        """Brings to DIR what processes that are gone have left here since that was done last."""
        if not self.scratch.folder.exists():
            return
        stamp = self.scratch.folder / "settled"
        began = time.time()
        since = stamp.stat().st_mtime if stamp.exists() else 0.0
        left = {path.parent: None for path in self._waiting(since)}
        published = [self.publish(run_dir) for run_dir in left]
        if all(published):
            stamp.touch(mode=0o600)
            os.utime(stamp, (began - CLOCK_SECONDS, began - CLOCK_SECONDS))

    def _tell(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            logger.warning("%s", message)


def _id_of(name: str) -> str | None:
    """The id that a folder is named for; None for one so long that its name does not tell."""
    run_id = unquote_to_bytes("" if name == "%" else name).decode("utf-8", "surrogatepass")
    return run_id if layout.encode_id(run_id) == name else None


def _is_behind(path: Path, outbox: Outbox, segments: Sequence[Entry]) -> bool:
    """Whether a file holds what DIR has not; of one that cannot be read nothing can be brought."""
    if layout.journal_file(path).exists():
        return True
    try:
        with closing(RunFileReader(path)) as reader:
            known = reader.meta()
            cut = reader.cursors().get(outbox.cursor, 0)
            behind = numbers_behind(reader.next_number(), cut, known["writer"], segments)
            return known.get(REPLICA) != outbox.url and behind > 0
    except StoreError:
        return False


def _is_left(path: Path, since: float) -> bool:
    """Whether a file was changed since then, and by nobody who is still at it."""
    try:
        changed = layout.journal_file(path).exists() or path.stat().st_mtime >= since
    except FileNotFoundError:
        return False  # Its run was deleted just now.
    return changed and not lease.is_held(layout.lock_file(path))


def _taken(path: Path, wait: float) -> Lease | None:
    until = time.monotonic() + wait
    while (held := Lease.take(path)) is None and time.monotonic() < until:
        time.sleep(0.05)
    return held

"""The sync of a live run: a thread that cuts what is new on a cadence, and uploads it.

The processes of a machine that sync to one remote share an outbox. Each cuts its own file; what all
have cut goes up in one commit, by whichever comes first: the Hub allows few commits an hour.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from otel_trackio import forking, layout, lease, recovery, syncstate
from otel_trackio.cadence import REMOTE, URGENT_SECONDS, Cadence, Past, chance, due, is_urgent
from otel_trackio.card import card
from otel_trackio.diagnostics import Diagnostics
from otel_trackio.errors import RemoteError, RemoteUnavailable, StoreError
from otel_trackio.outbox import Outbox
from otel_trackio.push import push
from otel_trackio.remote import Remote
from otel_trackio.runfile import RunFile
from otel_trackio.sync import cut_stored, is_behind, is_meant
from otel_trackio.turns import Turns

CUT_SECONDS: Final = 60.0
"""How long the writer thread may take to come to cutting a segment."""

BEHIND_SECONDS: Final = 2.0
"""How long it may take to come to counting what waits."""

MOST_STORED: Final = 100
"""Files of dead writers, the newest, of which a run's first sync brings what they left."""

Perform = Callable[[Callable[[RunFile], int], float], int]
"""Does something with the run file, on the thread that owns it, within so many seconds."""


class Syncer:
    """Syncs the run whose file is at `path` to one remote, from its start until `finish`."""

    def __init__(
        self,
        dir: Path,
        path: Path,
        remote: Remote,
        diagnostics: Diagnostics,
        perform: Perform,
        cadence: Cadence = REMOTE,
        seconds_left: float | None = None,
    ) -> None:
        """`seconds_left` is how long the machine will be there, where that is known."""
        self._dir = dir
        self._path = path
        self._remote = remote
        self._diagnostics = diagnostics
        self._perform = perform
        self._cadence = cadence
        now = time.monotonic()
        deadline = None if seconds_left is None else now + seconds_left
        self._past = Past(now, deadline=deadline, chance=chance())
        self._outbox: Outbox | None = None
        self._seen: dict[Path, int] = {}
        self._end: int | None = None
        self._changing = threading.Lock()
        # Prepared at once, for what keeps it from syncing is best told while somebody looks; and
        # what has to be loaded for it takes its time, of which the end of a job may leave little.
        self._turns = Turns(
            "otel-trackio-sync",
            self._sync,
            lambda: due(self._cadence, self._past),
            first=lambda: self._guarded(self._prepared),
        )
        self._turns.start()

    @property
    def url(self) -> str:
        return self._remote.url

    def soon(self) -> None:
        """Moves the next sync forward, as far as the cadence lets it."""
        with self._changing:
            self._past = replace(self._past, forward=True)
        self._turns.wake()

    def now(self, timeout: float) -> Callable[[], int]:
        """Begins to sync what is stored; what it returns waits for that, so many seconds at most,
        and says how many numbers are not there then.

        The machine may go away: for a while it syncs as often as the cadence lets it.
        """
        with self._changing:
            self._past = replace(self._past, urgent_until=time.monotonic() + URGENT_SECONDS)
        return self._at_once(timeout)

    def finish(self, timeout: float) -> Callable[[], int]:
        """The same, for the last time."""
        return self._at_once(timeout, last=True)

    def _at_once(self, timeout: float, last: bool = False) -> Callable[[], int]:
        self._end = None
        wait = self._turns.ask(timeout, last)

        def waited() -> int:
            wait()
            return self._behind()

        return waited

    def _sync(self, at_once: bool) -> None:
        pause = due(self._cadence, self._past) - (self._past.tried or self._past.started)

        def sync() -> None:
            outbox = self._prepared()
            self._cut(outbox, first=self._past.tried is None and not at_once)
            self._upload(outbox, at_once, pause * self._cadence.shared)

        error = self._guarded(sync)
        with self._changing:
            self._past = replace(
                self._past,
                tried=time.monotonic(),
                failures=self._past.failures + 1 if error else 0,
                retry_after=getattr(error, "retry_after", None) or 0.0,
                forward=False,
                chance=chance(),
            )

    def _guarded(self, work: Callable[[], object]) -> Exception | None:
        """What kept the work from being done, once that is told."""
        try:
            work()
        except RemoteError as error:
            self._told(error)
            return error
        except Exception as error:  # noqa: BLE001 (the edge to training)
            self._diagnostics.error("sync.failed", f"cannot sync to {self.url}: {error}")
            return error
        return None

    def _prepared(self) -> Outbox:
        """The outbox of the remote, whose full name is known only once it was reached."""
        if self._outbox is None:
            before = Outbox(self._dir, self.url)
            try:
                self._remote.prepare(card)
            except RemoteError as error:
                state = syncstate.read(before.state, self.url)
                syncstate.write(before.state, state.after_failure(error))
                raise
            self._outbox = Outbox(self._dir, self.url)
            if self._outbox.state != before.state:
                before.state.unlink(missing_ok=True)
        return self._outbox

    def _cut(self, outbox: Outbox, first: bool) -> None:
        # What is logged from now on is for the next time: it may never pause.
        end = self._end = self._perform(lambda file: int(file.meta("next_seq")) - 1, CUT_SECONDS)

        def cut_one(file: RunFile) -> bool:
            return outbox.cut_one(file) > 0 and file.cursor(outbox.cursor) < end

        # One at a time: between them the writer thread stores what is logged meanwhile.
        while self._perform(cut_one, CUT_SECONDS):
            pass
        for path in self._others(first):
            try:
                with forking.unforked():
                    if layout.journal_file(path).exists():
                        recovery.recover(path)
                    ours = path.parent == self._path.parent or is_meant(path, self.url)
                    if ours and is_behind(path, outbox):
                        cut_stored(outbox, path)
            except (StoreError, OSError) as error:
                self._diagnostics.error("sync.failed", f"cannot sync {path}: {error}")

    def _others(self, first: bool) -> Iterator[Path]:
        """Files that have changed, and that processes which are gone may have left.

        They are the run's, and at first other runs' too, if those were meant for this remote.
        """
        paths = layout.run_files(self._path.parent)
        if first:
            paths += heapq.nlargest(MOST_STORED, _all_files(self._dir), key=_changed)
        for path in dict.fromkeys(paths):
            changed = _changed(path)
            if path == self._path or changed <= self._seen.get(path, 0):
                continue
            if not lease.is_held(layout.lock_file(path)):  # Its time stays when its writer dies.
                self._seen[path] = changed
                yield path

    def _upload(self, outbox: Outbox, at_once: bool, recent: float) -> None:
        """Uploads what all have cut, unless another process did so in the last `recent` seconds."""
        state = syncstate.read(outbox.state, self._remote.url)
        at_once = at_once or is_urgent(self._past, time.monotonic())
        if not at_once and 0 <= time.time_ns() - state.succeeded < recent * 1e9:
            return
        held = outbox.leased(self._turns.until - time.monotonic() if at_once else 0)
        if held is None:
            return  # Another process is uploading.
        try:
            state = syncstate.read(outbox.state, self._remote.url)  # It may have uploaded since.
            pushed = push(outbox, self._remote)
            syncstate.write(outbox.state, state.after_success(pushed.files, pushed.bytes))
        except Exception as error:
            syncstate.write(outbox.state, state.after_failure(error))
            raise
        finally:
            held.release()

    def _told(self, error: RemoteError) -> None:
        later = "recording goes on, and it is tried again"
        kind = f"sync.{error.kind}"
        if isinstance(error, RemoteUnavailable):
            self._diagnostics.error(kind, f"cannot sync now: {error} ({later})")
        else:
            self._diagnostics.count(kind)
            self._outbox = None  # The place may have been removed meanwhile.
            self._diagnostics.warn_once(
                f"refused {self.url} {kind}", f"cannot sync: {error} ({later})"
            )

    def _behind(self) -> int:
        outbox = self._outbox or Outbox(self._dir, self.url)
        try:
            waiting = outbox.waiting()
            return self._perform(
                lambda file: outbox.behind(file, waiting, self._end), BEHIND_SECONDS
            )
        except Exception:  # noqa: BLE001 (the edge to training)
            return 1  # Nobody knows: the disk may hang, or be damaged.


def _all_files(dir: Path) -> Iterator[Path]:
    return (path for folder in layout.run_dirs(dir) for path in layout.run_files(folder))


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0

"""The own store with a remote: what it holds is synced there, as often as a run's process would."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from otel_trackio import layout
from otel_trackio.cadence import REMOTE, Cadence, Past, chance, due
from otel_trackio.diagnostics import Diagnostics
from otel_trackio.errors import RemoteError, StoreBusy, StoreError
from otel_trackio.reader import RunFileReader
from otel_trackio.remote import Remote
from otel_trackio.runfile import REPLICA
from otel_trackio_collector.accompanied import Accompanied
from otel_trackio_collector.collected import PREFIX
from otel_trackio_collector.forwarding import Exporter


class Syncing(Accompanied):
    """The store, whose runs in `dir` it syncs to a remote. An `Exporter`.

    A remote that cannot be reached holds no request up: runs wait for it in their files.
    """

    def __init__(
        self, store: Exporter, dir: Path, remote: Remote, cadence: Cadence = REMOTE
    ) -> None:
        super().__init__(store, self._run, "sync runs")
        self._dir = dir
        self._remote = remote
        self._cadence = cadence
        self._past = Past(time.monotonic(), chance=chance())
        self._synced: dict[Path, int] = {}
        self._diagnostics = Diagnostics()
        self.start()

    def _run(self) -> None:
        closing = False
        while not closing:
            left = due(self._cadence, self._past) - time.monotonic()
            closing = self.closing.wait(max(0.0, left))
            error = self._tried()
            self._past = replace(
                self._past,
                tried=time.monotonic(),
                failures=self._past.failures + 1 if error else 0,
                retry_after=getattr(error, "retry_after", None) or 0.0,
                chance=chance(),
            )

    def _tried(self) -> Exception | None:
        """What kept it from syncing, once that is told."""
        try:
            self._sync()
        except Exception as error:  # noqa: BLE001 (the thread must live)
            kind = error.kind if isinstance(error, RemoteError) else "failed"
            told = f"cannot sync runs to {self._remote.url}: {error} (it is tried again)"
            self._diagnostics.error(f"sync.{kind}", told)
            return error
        return None

    def _sync(self) -> None:
        from otel_trackio.outbox import Outbox  # Loads pyarrow, which is not light.
        from otel_trackio.sync import sync

        outbox = Outbox(self._dir, self._remote.url)
        changed = {folder: _changed(folder) for folder in layout.run_dirs(self._dir)}
        # Not "later": clocks are set back.
        new = [each for each, when in changed.items() if when not in (0, self._synced.get(each))]
        # To sync a file changes it: it is asked what it holds before it is opened for that again.
        behind = {each for each in new if _is_behind(each, outbox.cursor)}
        self._synced |= {folder: changed[folder] for folder in new if folder not in behind}
        if not behind and not self._past.failures and not list(outbox.waiting()):
            return
        held: set[Path] = set()
        try:
            held = {path.parent for path in sync(self._dir, behind, self._remote).live}
        except StoreBusy:
            raise
        except StoreError as error:  # One of the files: all else was sent.
            self._diagnostics.error("sync.file", f"cannot sync a run: {error}")
        self._synced |= {folder: changed[folder] for folder in behind if folder not in held}


def _is_behind(folder: Path, cursor: str) -> bool:
    """Whether a run holds what was not cut for the remote, or cannot be read. Only reads."""
    try:
        for path in layout.run_files(folder):
            with closing(RunFileReader(path)) as reader:
                is_own = reader.meta().get(REPLICA) is None
                if is_own and reader.cursors().get(cursor, 0) < reader.next_number() - 1:
                    return True
    except (OSError, StoreError):
        return True
    return False


def _changed(folder: Path) -> int:
    """When a run that was collected has changed last, in ns; 0 for any other."""
    files = [path.name for path in layout.run_files(folder)]
    if not any(name.startswith(PREFIX) for name in files):
        return 0
    return max((_written(folder / name) for name in files), default=0)


def _written(path: Path) -> int:
    found = 0
    for each in (path, path.with_suffix(".db-wal")):
        try:
            found = max(found, each.stat().st_mtime_ns)
        except FileNotFoundError:
            continue
    return found

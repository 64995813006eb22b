"""The sync of a live run: a thread that cuts what is new on a cadence, and uploads it.

Of all processes of a machine that sync to one remote, the one that holds the outbox's lease uploads
what every one of them has cut: the Hub allows few commits an hour.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from otel_trackio.card import card
from otel_trackio.diagnostics import Diagnostics
from otel_trackio.errors import RemoteError, RemoteUnavailable
from otel_trackio.lease import Lease
from otel_trackio.outbox import Outbox
from otel_trackio.push import push
from otel_trackio.remote import Remote
from otel_trackio.runfile import RunFile
from otel_trackio.threads import started

FIRST_SECONDS: Final = 30.0
"""When a run is synced first: soon, as its machine may not live long."""

EARLY_SECONDS: Final = 60.0
"""How often it is synced while it is young."""

EARLY_UNTIL: Final = 600.0
"""How many seconds it is young."""

STEADY_SECONDS: Final = 300.0
"""How often it is synced from then on."""

LONGEST_WAIT: Final = 900.0
"""Seconds between tries at most, however often the remote has failed."""

JITTER: Final = 0.2
"""Which part of a wait is left to chance, so that jobs that start together do not sync so."""

Perform = Callable[[Callable[[RunFile], int], float], int]
"""Does something with the run file, on the thread that owns it, within so many seconds."""


class Syncer:
    """Syncs one run to one remote, from its start until `finish`."""

    def __init__(
        self, dir: Path, remote: Remote, diagnostics: Diagnostics, perform: Perform
    ) -> None:
        self._remote = remote
        self._diagnostics = diagnostics
        self._perform = perform
        self._outbox = Outbox(dir, remote.url)
        self._started = time.monotonic()
        self._failures = 0
        self._prepared = False
        self._stop = threading.Event()
        self._turn = threading.Lock()
        started(threading.Thread(target=self._run, name="otel-trackio-sync", daemon=True))

    @property
    def url(self) -> str:
        return self._remote.url

    def finish(self, timeout: float) -> int:
        """Syncs what is left, within `timeout` seconds; how many files wait on then."""
        self._stop.set()
        last = threading.Thread(target=self._sync, args=(timeout,), daemon=True)
        if started(last):
            last.join(timeout)
        else:
            self._sync(timeout)
        return len(self._outbox.waiting())

    def _run(self) -> None:
        while not self._stop.wait(self._next_wait()):
            self._sync(STEADY_SECONDS)

    def _next_wait(self) -> float:
        age = time.monotonic() - self._started
        wait = FIRST_SECONDS if age < FIRST_SECONDS else EARLY_SECONDS
        wait = STEADY_SECONDS if age > EARLY_UNTIL else wait
        wait = min(LONGEST_WAIT, wait * 2**self._failures)
        return float(wait * random.uniform(1 - JITTER, 1 + JITTER))

    def _sync(self, timeout: float) -> None:
        with self._turn:
            try:
                self._perform(self._outbox.cut, timeout)
                self._upload()
                self._failures = 0
            except RemoteError as error:
                self._failures += 1
                self._told(error)
            except Exception as error:  # noqa: BLE001 (the edge to training)
                self._failures += 1
                self._diagnostics.error("sync.failed", f"cannot sync to {self.url}: {error}")

    def _upload(self) -> None:
        lease = Lease.take(self._outbox.lock)
        if lease is None:
            return  # Another process of this machine uploads for us.
        try:
            if not self._prepared:
                self._remote.prepare(card(self.url))
                self._prepared = True
            push(self._outbox, self._remote)
        finally:
            lease.release()

    def _told(self, error: RemoteError) -> None:
        later = "recording goes on, and it is tried again"
        if isinstance(error, RemoteUnavailable):
            self._diagnostics.error("sync.unavailable", f"cannot sync now: {error} ({later})")
        else:
            self._prepared = False  # It may have been removed meanwhile.
            self._diagnostics.count("sync.refused")
            self._diagnostics.warn_once(
                f"refused {error.message}", f"cannot sync: {error} ({later})"
            )

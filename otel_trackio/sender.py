"""The sender of a live run: a thread that sends what is stored on to an OTLP endpoint.

A cursor in the run file says how far that has come; it moves after the endpoint has answered. What
is sent was committed for good before, or a power loss could give its numbers to other points.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from otel_trackio import layout, lease
from otel_trackio.courier import Courier
from otel_trackio.diagnostics import Diagnostics
from otel_trackio.endpoint import cursor_of
from otel_trackio.errors import StoreError
from otel_trackio.outgoing import Outgoing
from otel_trackio.peer import Peer, Retryable, RetryPolicy, Unwelcome
from otel_trackio.replay import is_wanted, send_stored
from otel_trackio.runfile import RunFile
from otel_trackio.turns import Turns

SEND_SECONDS: Final = 1.0
"""How often it is looked for what is new."""

LEFT_SECONDS: Final = 10.0
"""How often it is looked for what processes that are gone have left."""

FIRST_LOOKS: Final = 10
"""So often that is done each time that something is sent, at first."""

SHARE_SECONDS: Final = 2.0
"""How long at a time that may keep what is recorded here waiting."""

POLICY: Final = RetryPolicy(initial_interval=1.0, max_interval=30.0)
"""When it is tried again where nobody answers, or not now."""

UNWELCOME_SECONDS: Final = 60.0
"""The same where somebody must put the endpoint, or the credentials, right."""

LAST_SECONDS: Final = 5.0
"""How long the end of a run, or SIGTERM, goes on trying where nobody answers."""

AGAIN_SECONDS: Final = 0.5
"""How long it then waits between."""

SETTLE_SECONDS: Final = 1.0
"""How often it is written down how far it has come while there is much to send: so much of it is
sent again where the process is killed."""

TASK_SECONDS: Final = 60.0
"""How long the writer thread may take to come to a task."""

BEHIND_SECONDS: Final = 2.0
"""How long it may take to come to counting what waits."""

MOST_STORED: Final = 100
"""Files of dead writers, the newest, of which a run's sender sends what they left."""

Perform = Callable[[Callable[[RunFile], int], float], int]
"""Does something with the run file, on the thread that owns it, within so many seconds."""


class Sender:
    """Sends the run whose file is at `path` to one endpoint, from its start until `finish`."""

    def __init__(
        self,
        dir: Path,
        path: Path,
        url: str,
        peer: Peer,
        diagnostics: Diagnostics,
        perform: Perform,
        policy: RetryPolicy = POLICY,
    ) -> None:
        self.url = url
        self._dir = dir
        self._courier = Courier(url, peer, diagnostics)
        self._diagnostics = diagnostics
        self._perform = perform
        self._policy = policy
        self._own = Outgoing(path)
        self._folder = path.parent
        self._left: list[Path] = []
        self._looks = 0
        self._seen: dict[Path, int] = {}
        self._failures = 0
        self._due = self._looked = 0.0
        self._told_to_wait = 0.0
        self._turns = Turns(
            "otel-trackio-otlp", self._turn, lambda: self._due, last=self._courier.close
        )
        self._turns.start()

    def soon(self) -> None:
        """Does nothing: it is always soon."""

    def now(self, timeout: float) -> Callable[[], int]:
        """Begins to send what is stored; what it returns waits for that, so many seconds at most,
        and says how many numbers are not there then."""
        return self._at_once(timeout)

    def finish(self, timeout: float) -> Callable[[], int]:
        """The same, for the last time."""
        return self._at_once(timeout, last=True)

    def _at_once(self, timeout: float, last: bool = False) -> Callable[[], int]:
        wait = self._turns.ask(timeout, last)

        def waited() -> int:
            wait()
            return self._behind()

        return waited

    def _turn(self, at_once: bool) -> None:
        """Sends what there is; where that is asked for, it is tried until there is no time left."""
        give_up = min(self._turns.until, time.monotonic() + LAST_SECONDS)
        while not self._turns.too_late:  # Else the file may be another's by now.
            pause = self._attempt(at_once)
            self._due = time.monotonic() + pause
            wait = max(AGAIN_SECONDS, self._told_to_wait)
            if not (at_once and self._failures) or time.monotonic() + wait > give_up:
                return
            self._turns.rest(wait)

    def _attempt(self, at_once: bool) -> float:
        """Sends what there is; in how many seconds it is to be looked again."""
        try:
            self._send_own(at_once)
            if not self._turns.too_late:
                self._send_left(at_once)
        except Retryable as error:
            told = f"cannot send to {self.url} now: {error} (it is kept, and tried again)"
            self._diagnostics.error("otlp.failed", told)
            pause = self._policy.wait(self._failures, error.after)
            self._failures += 1
            self._told_to_wait = error.after or 0.0
            return pause
        except Unwelcome as error:
            self._diagnostics.count("otlp.unwelcome")
            told = f"{self.url} takes nothing: {error} (it is kept, and tried again)"
            self._diagnostics.warn_once(f"otlp {str(error).partition(':')[0]}", told)
            self._failures = 0
            return UNWELCOME_SECONDS
        except Exception as error:  # noqa: BLE001 (the edge to training)
            told = f"cannot send to {self.url}: {type(error).__name__}: {error}"
            self._diagnostics.error("otlp.failed", told)
            self._failures = 0
            return self._policy.max_interval
        self._failures = 0
        return SEND_SECONDS

    def _send_own(self, at_once: bool) -> None:
        end = self._settled()
        before, settled = self._own.position, time.monotonic()

        def moved() -> None:
            nonlocal settled
            if time.monotonic() - settled >= SETTLE_SECONDS and not self._turns.too_late:
                self._settled()
                settled = time.monotonic()

        # What is logged from now on is for the next time: it may never pause.
        self._courier.bring(self._own, end, moved, lambda: self._turns.too_late)
        if at_once and self._own.position > before and not self._turns.too_late:
            self._settled()

    def _settled(self) -> int:
        """Writes down how far it has come, and returns how far it may go: up to what is committed
        for good."""
        position, name = self._own.position, cursor_of(self.url)

        def settle(file: RunFile) -> int:
            end: int = file.meta("next_seq") - 1
            if end > position or file.cursor(name) < position:
                with file.transaction(durable=end > position):
                    file.set_cursor(name, position)
            return end

        return self._perform(settle, TASK_SECONDS)

    def _send_left(self, at_once: bool) -> None:
        """Sends what forked children, and processes that died, have left."""
        # At first recovery may still be at work on them.
        pause = SEND_SECONDS if self._looks < FIRST_LOOKS else LEFT_SECONDS
        if not at_once and time.monotonic() - self._looked < pause:
            return
        if self._looks == 0:
            stored = (p for folder in layout.run_dirs(self._dir) for p in layout.run_files(folder))
            self._left = heapq.nlargest(MOST_STORED, stored, key=_changed)
        self._looks += 1
        self._looked = now = time.monotonic()
        end = self._turns.until if at_once else now + SHARE_SECONDS
        # At the end there is no time for other runs.
        of_others = [] if at_once else [p for p in self._left if p.parent != self._folder]
        for path in (*layout.run_files(self._folder), *of_others):
            if not self._is_new(path):
                continue
            left = self._sent(path, end)
            if left == 0 and path in self._left:
                self._left.remove(path)
            if left:
                self._looked = 0.0  # It goes on as soon as what is recorded here was sent.
                return

    def _is_new(self, path: Path) -> bool:
        # Not "later": clocks are set back.
        if path == self._own.path or _changed(path) == self._seen.get(path, 0):
            return False
        return not lease.is_held(layout.lock_file(path))

    def _sent(self, path: Path, end: float) -> int | None:
        """Sends what a file holds until `end`; how many numbers are left of it, or None where a
        process holds it."""
        left: int | None = 0
        try:
            if is_wanted(path, self.url):
                left = send_stored(path, self._courier, enough=lambda: time.monotonic() > end)
        except (StoreError, OSError) as error:
            self._diagnostics.error("otlp.failed", f"cannot send {path}: {error}")
        if left == 0:
            self._seen[path] = _changed(path)
        return left

    def _behind(self) -> int:
        try:
            last = self._perform(lambda file: int(file.meta("next_seq")) - 1, BEHIND_SECONDS)
        except Exception:  # noqa: BLE001 (the edge to training)
            return 1  # Nobody knows: the disk may hang, or be damaged.
        return last - self._own.position


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0

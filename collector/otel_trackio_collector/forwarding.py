"""Forwarding: each exporter is fed from the log by a thread and a cursor of its own.

None waits for another. What an exporter cannot take now is tried again, what it never takes is
counted and passed, and the cursor moves only after that.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from otel_trackio.diagnostics import Diagnostics
from otel_trackio.errors import StoreError
from otel_trackio.peer import Refused, Retryable, RetryPolicy, Unwelcome
from otel_trackio_collector.requestlog import Cursor, Entry, RequestLog
from otel_trackio_collector.standing import Standing, counts_of

BATCH_BYTES: Final = 3_500_000
"""How much is read for one export: below the 4 MiB that gRPC servers take unless told."""

IDLE_SECONDS: Final = 1.0
"""How long a forwarder waits for requests before it looks whether it is to end, or to flush."""

PASSING: Final = (OSError, MemoryError, StoreError, sqlite3.Error)
"""Faults of the machine rather than of a request: they are tried again, as Retryable is."""

CREDENTIALS: Final = "look at the credentials: headers, or auth"
"""The remedy where a peer does not know who sends."""

REASONS: Final = ("refused", "rejected", "expired", "backlog")
"""Why points are dropped here; the log's own bounds are another reason, and counted there."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of an export: `points` were taken, `rejected` were not, and `message` says why.

    `settled` is the last entry of which nothing is held back, where an exporter holds back.
    """

    points: int
    rejected: int = 0
    message: str = ""
    settled: int | None = None


class Exporter(Protocol):
    """A way out. One thread calls `export`, after a Retryable with the same again."""

    name: str

    def export(self, entries: Sequence[Entry]) -> Sent:
        """Raises Retryable, or Refused when none of it was taken and never will be."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Withholding(Exporter, Protocol):
    """One that may hold points back (`Sent.settled`): it is called with no entries, too, when
    none came for a while, and after `release` it holds back nothing."""

    def release(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one exporter may leave waiting, of the log's bytes and in seconds; 0 is all of it.

    Beyond that the oldest is dropped for it alone, and counted.
    """

    max_bytes: int = 0
    max_age: float = 0.0


class Forwarder:
    """Feeds one exporter, from `start` until `drain` or `stop`."""

    def __init__(
        self,
        log: RequestLog,
        exporter: Exporter,
        policy: RetryPolicy | None = None,
        bounds: Bounds | None = None,
        batch_bytes: int = BATCH_BYTES,
        never_skipped: bool = False,
        diagnostics: Diagnostics | None = None,
    ) -> None:
        """For an exporter that is `never_skipped` the log drops nothing: it refuses senders."""
        self.exporter = exporter
        self._log = log
        self._cursor: Cursor = log.cursor(exporter.name, never_skipped)
        self._policy = policy or RetryPolicy()
        self._bounds = bounds or Bounds()
        self._batch_bytes = batch_bytes
        self._diagnostics = diagnostics or Diagnostics()
        self._counts: Counter[str] = Counter()
        self._error = ""
        self._read = self._cursor.position
        self._ending = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"forward {exporter.name}", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def standing(self) -> Standing:
        lag = self._cursor.lag()
        dropped = {each: self._counts[each] for each in REASONS}
        return Standing(
            self.exporter.name,
            self._counts["sent"],
            {"bound": self._cursor.dropped, **dropped},
            self._counts["failures"],
            lag.requests,
            lag.points,
            lag.bytes,
            lag.age,
            self._error,
            counts_of(self.exporter),
        )

    def drain(self, deadline: float) -> bool:
        """Sends what the log holds, until `deadline` (of time.monotonic), and ends.

        Returns whether all of it went. A failure ends it at once: the log keeps the rest.
        """
        self._ending.set()
        self._thread.join(max(0.0, deadline - time.monotonic()))
        self.stop()
        return self._cursor.position >= self._log.head()

    @property
    def at_work(self) -> bool:
        """Whether it is fed: from `start` until it ended."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Ends without sending more; an export under way is given a second."""
        self._stopped.set()
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(IDLE_SECONDS)
        self.exporter.close()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                if not self._turn():
                    return
            except Exception as error:  # noqa: BLE001 - a full disk or a fault must not end it.
                self._fail(error)
                self._ending.wait(IDLE_SECONDS)
                if self._ending.is_set():
                    return

    def _turn(self) -> bool:
        """Passes on what there is, or waits for it; False when that was the end."""
        if entries := self._next():
            entries = self._within_bounds(entries)
            return not entries or self._pass(entries)
        held = self._read > self._cursor.position
        if self._ending.is_set():
            if held and isinstance(self.exporter, Withholding):
                self.exporter.release()
                self._pass(())
            return False
        if not self._log.wait(self._read, IDLE_SECONDS) and held:
            return self._pass(())
        return True

    def _next(self) -> Sequence[Entry]:
        self._read = max(self._read, self._cursor.position)
        # Where an exporter withholds, the cursor waits behind what it has read.
        return self._cursor.read(self._batch_bytes, self._read)

    def _pass(self, entries: Sequence[Entry]) -> bool:
        """Exports until it went through or is given up; False where the end came before.

        What is in hand is tried on though the log's bounds may have dropped it meanwhile.
        """
        began, attempt = time.monotonic(), 0
        while not self._stopped.is_set():
            settled, after = self._attempt(entries)
            if settled is not None:
                return settled
            if self._stopped.is_set():
                return False
            if self._policy.over(time.monotonic() - began):
                return self._drop("expired", entries)
            if self._ending.is_set():
                return False
            self._ending.wait(self._policy.wait(attempt, after))
            attempt += 1
            if entries and not (entries := self._within_bounds(entries)):
                return True
        return False

    def _attempt(self, entries: Sequence[Entry]) -> tuple[bool | None, float | None]:
        """Exports once: what `_pass` is to return, or None, and when to try again where told."""
        try:
            return self._passed(entries, self.exporter.export(entries)), None
        except Refused as error:
            return self._refuse(entries, error), None
        except Retryable as error:
            self._fail(error)
            return None, error.after
        except PASSING as error:
            self._fail(error)
            return None, None
        except Exception as error:  # noqa: BLE001 - it would meet the same request for ever.
            if self._stopped.is_set():  # The exporter was closed while it was at work.
                return False, None
            fault = Refused(f"{type(error).__name__}: {error}")
            return self._refuse(entries, fault), None

    def _within_bounds(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """What is left of them after the oldest were dropped that this exporter has no room for."""
        place = 0
        while place < len(entries) and self._is_too_much():
            self._drop("backlog", entries[place : place + 1])
            place += 1
        return entries[place:]

    def _is_too_much(self) -> bool:
        """Whether more waits, or longer, than this exporter may leave waiting."""
        most, oldest = self._bounds.max_bytes, self._bounds.max_age
        if not (most or oldest):
            return False
        lag = self._cursor.lag()
        return 0 < most < lag.bytes or 0 < oldest < lag.age

    def _passed(self, entries: Sequence[Entry], sent: Sent) -> bool:
        self._error = ""
        self._counts["sent"] += sent.points
        if sent.rejected or sent.message:
            self._counts["rejected"] += sent.rejected
            total = self._counts["rejected"]
            told = f"{self.exporter.name} rejects points, {total} so far: {sent.message}"
            self._diagnostics.error(f"{self.exporter.name} rejected", told, amount=sent.rejected)
        if entries:
            self._read = entries[-1].number
        self._cursor.advance(self._read if sent.settled is None else sent.settled)
        return True

    def _refuse(self, entries: Sequence[Entry], error: Refused) -> bool:
        """Halves what was refused until what is refused alone is found."""
        if len(entries) > 1 and not isinstance(error, Unwelcome):
            middle = len(entries) // 2
            return self._pass(entries[:middle]) and self._pass(entries[middle:])
        self._error = str(error)
        self._drop("refused", entries)
        told = (
            f"{self.exporter.name} LOSES what it is to send, as it is refused for good: {error};"
            f" {self._counts['refused']} points are lost so far"
        )
        self._diagnostics.error(f"{self.exporter.name} refused", told)
        return True

    def _drop(self, reason: str, entries: Sequence[Entry]) -> bool:
        self._counts[reason] += sum(each.points for each in entries)
        if entries:
            self._read = entries[-1].number
            self._cursor.advance(self._read)
        return True

    def _fail(self, error: Exception) -> None:
        self._error = str(error) or type(error).__name__
        self._counts["failures"] += 1
        told = f"{self.exporter.name} failed, and will be tried again: {self._error}"
        self._diagnostics.error(f"{self.exporter.name} failed", told)

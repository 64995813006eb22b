"""How far one exporter has come in the request log, and what it lost to the log's bounds."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Protocol

from otel_trackio_collector.logfile import Entry, Place, Span


@dataclass(frozen=True, slots=True)
class Lag:
    """What an exporter has yet to send: `bytes` as stored, `age` of the oldest in seconds."""

    requests: int
    points: int
    bytes: int
    age: float


class Readable(Protocol):
    """What a cursor asks of its log, whose `lock` guards what they know of each other."""

    lock: threading.RLock

    def head(self) -> int: ...
    def read(self, after: int, max_bytes: int) -> list[Entry]: ...
    def lag(self, after: int) -> Lag: ...


class Cursor:
    """How far one exporter has come. Safe from any thread; one thread reads and advances."""

    def __init__(self, log: Readable, name: str, place: Place) -> None:
        self.name = name
        self._log = log
        self.place = place
        """As it is in memory; the log's writer keeps it on the disk, where it is `written`."""
        self.written: Place | None = None
        self._held: dict[int, int] = {}

    @property
    def position(self) -> int:
        """The last request that it is done with."""
        return self.place.position

    @property
    def never_skipped(self) -> bool:
        return self.place.never_skipped

    @property
    def dropped(self) -> int:
        """Points that the log's bounds took from it, exactly, since its first request.

        What it holds in its hands is not lost: what was dropped of that counts once it reads on
        without having advanced.
        """
        with self._log.lock:
            return self.place.dropped - sum(self._spared(self.position))

    def read(self, max_bytes: int, after: int | None = None) -> list[Entry]:
        """What follows the position, or `after` where an exporter reads ahead of it.

        It is in the exporter's hands until that advances past it, or reads it again.
        """
        entries = self._log.read(self.position if after is None else after, max_bytes)
        with self._log.lock:
            kept = {} if after is None else self._held
            self._held = {n: points for n, points in kept.items() if n <= (after or 0)}
            self._held |= {entry.number: entry.points for entry in entries}
        return entries

    def advance(self, number: int) -> None:
        """It is done with everything up to and with `number`.

        That reaches the disk a moment later: after a crash the last requests may come again.
        """
        with self._log.lock:
            if number > self._log.head():
                raise ValueError(f"request {number} is beyond the last one, {self._log.head()}")
            back = self._spared(min(number, self.position))
            self._held = {n: points for n, points in self._held.items() if n > number}
            self.place = replace(
                self.place,
                position=max(number, self.position),
                dropped=self.place.dropped - sum(back),
                dropped_requests=self.place.dropped_requests - len(back),
            )

    def lag(self) -> Lag:
        """What it has yet to send."""
        return self._log.lag(self.position)

    def _spared(self, to: int) -> list[int]:
        """Points of the requests up to a number that were dropped while it held them."""
        return [points for number, points in self._held.items() if number <= to]

    def drop(self, to: int, lost: Span) -> None:
        """The log has passed over what is lost, up to a number. Called under the log's lock."""
        self.place = replace(
            self.place,
            position=to,
            dropped=self.place.dropped + lost.points,
            dropped_requests=self.place.dropped_requests + lost.requests,
        )

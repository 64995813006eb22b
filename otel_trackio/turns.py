"""Turns: a thread that does its work when that is due, and when somebody asks for it and waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from otel_trackio.threads import started


class Turns:
    """From `start` until the turn after `ask(last=True)`. Any thread may ask."""

    def __init__(
        self,
        name: str,
        work: Callable[[bool], object],
        due: Callable[[], float],
        first: Callable[[], object] = lambda: None,
        last: Callable[[], object] = lambda: None,
    ) -> None:
        """`work` is a turn, and is told whether somebody waits for it; `due` is the moment of the
        next one (of time.monotonic). The thread begins with `first`, and ends with `last`."""
        self.until = 0.0
        """The moment until which whoever asked last waits."""
        self._work = work
        self._due = due
        self._first = first
        self._last = last
        self._asked = self._answered = 0
        self._ending = self._threaded = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Where no thread can be started any more, turns are done as somebody waits for them."""
        self._threaded = started(self._thread)

    def ask(self, timeout: float, last: bool = False) -> Callable[[], None]:
        """Asks for a turn; what it returns waits for that, so many seconds from now at most."""
        with self._changed:
            self.until = until = time.monotonic() + timeout
            self._asked += 1
            self._ending = self._ending or last
            wanted = self._asked
            self._changed.notify_all()

        def wait() -> None:
            if not self._threaded:
                self._work(True)
                return
            alive = self._thread.is_alive
            with self._changed:
                left = max(0.0, until - time.monotonic())
                self._changed.wait_for(lambda: self._answered >= wanted or not alive(), left)

        return wait

    def wake(self) -> None:
        """Says that what is due has changed."""
        with self._changed:
            self._changed.notify_all()

    def rest(self, seconds: float) -> None:
        """Within a turn: waits so long, unless somebody asks meanwhile."""
        with self._changed:
            self._changed.wait(seconds)

    @property
    def too_late(self) -> bool:
        """Whether nobody waits any longer for what was asked."""
        return self._asked > self._answered and time.monotonic() > self.until

    def _run(self) -> None:
        self._first()
        while (asked := self._next()) is not None:
            self._work(asked > self._answered)
            with self._changed:
                self._answered = asked
                self._changed.notify_all()
        self._last()

    def _next(self) -> int | None:
        """Waits until a turn is due, or asked for; how many have been asked for, or None at the
        end."""
        with self._changed:
            if self._ending and self._answered == self._asked:
                return None
            while self._asked == self._answered and (left := self._due() - time.monotonic()) > 0:
                self._changed.wait(left)
            return self._asked

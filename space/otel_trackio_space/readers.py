"""Reading data on threads of its own, so that neither pages nor streams ever wait for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread

from otel_trackio_space.failures import Refused

T = TypeVar("T")

MAX_READING: Final = 4
"""Questions that are worked on at once."""

CALM_SECONDS: Final = 2.0
"""After so long without a question a page has what it wanted."""

MAX_WAITING: Final = 64
"""Questions that may wait for their turn, beside these."""


class Readers:
    """For one event loop."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(MAX_READING)
        self._asked = 0
        self._last = time.monotonic()

    async def run(self, answer: Callable[[], T]) -> T:
        """What `answer` returns or raises. Raises Refused where too many wait already."""
        if self._asked >= MAX_READING + MAX_WAITING:
            raise Refused(503, "too many questions at once", "ask again in a second")
        self._asked += 1
        self._last = time.monotonic()
        try:
            return await to_thread.run_sync(answer, limiter=self._limiter, abandon_on_cancel=True)
        finally:
            self._asked -= 1
            self._last = time.monotonic()

    async def calm(self, patience: float) -> None:
        """Returns when nobody has asked anything for a while, or patience (s) has ended."""
        end = time.monotonic() + patience
        while (due := min(self._last + CALM_SECONDS, end) - time.monotonic()) > 0:
            await asyncio.sleep(due)

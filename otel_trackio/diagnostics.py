"""What went wrong inside the training process: counted always, logged once a minute, never raised.

With `OTEL_TRACKIO_RAISE=1` errors are raised instead, so that tests do not hide them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from typing import Final

logger = logging.getLogger("otel_trackio")

REPEAT_SECONDS: Final = 60.0
"""How long the same complaint stays silent after it was logged."""

MAX_COMPLAINTS: Final = 10_000
"""How many different complaints are remembered; beyond it new ones are counted only."""


class Diagnostics:
    """Counts by reason, and complaints that do not flood the log. Safe from any thread."""

    def __init__(self, raise_errors: bool = False) -> None:
        self.raise_errors = raise_errors
        self._counts: Counter[str] = Counter()
        self._last: dict[str, float] = {}
        self._lock = threading.RLock()

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)

    def count(self, reason: str, amount: int = 1) -> None:
        with self._lock:
            self._counts[reason] += amount

    def warn_once(self, subject: str, message: str) -> None:
        """Logs `message` the first time `subject` comes up."""
        self._log(subject, message, float("inf"))

    def error(
        self, reason: str, message: str, cause: BaseException | None = None, amount: int = 1
    ) -> None:
        """Counts `reason` and logs `message` at most once a minute; raises `cause` if asked to."""
        self.count(reason, amount)
        self._log(reason, message, REPEAT_SECONDS)
        if self.raise_errors and cause is not None:
            raise cause

    def _log(self, subject: str, message: str, silence: float) -> None:
        now = time.monotonic()
        with self._lock:
            last = self._last.get(subject)
            if last is not None and now - last < silence:
                return
            if last is None and len(self._last) >= MAX_COMPLAINTS:
                return
            self._last[subject] = now
        logger.warning("%s", message)

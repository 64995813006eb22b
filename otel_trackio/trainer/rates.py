"""Tokens and floating-point operations a second, between two logs of a trainer."""

from __future__ import annotations

from typing import Any


class Rates:
    """Counts that grow, over the seconds that steps took: evaluations and saving are left out."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._before: dict[str, tuple[float, float]] = {}

    def spent(self, seconds: float) -> None:
        """Adds the time of a step."""
        self._seconds += seconds

    def start(self, name: str, count: float) -> None:
        """Says where a count begins."""
        self._before[name] = (count, self._seconds)

    def rate(self, name: str, count: Any) -> float | None:
        """How much a count grew a second since it was told last; None where that means nothing."""
        count = float(count)
        before, since = self._before.get(name, (count, self._seconds))
        self._before[name] = (count, self._seconds)
        passed = self._seconds - since
        return (count - before) / passed if passed > 0 and count >= before else None

"""Where the time of a step goes, told by the order of events alone."""

from __future__ import annotations

import time


class Laps:
    """Seconds by phase: each lasts from the event before it to its own, on one thread."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._seconds: dict[str, float] = {}

    def start(self) -> None:
        """Nothing was measured so far, and the next phase begins now."""
        self._last = time.perf_counter()
        self._seconds = {}

    def stop(self) -> None:
        """What comes next is no phase of ours, until `start`."""
        self._last = None

    def lap(self, phase: str) -> float | None:
        """Ends a phase now; how long it took, together with others of its name since `take`.

        None where nothing began: between two trainings there are no phases.
        """
        if self._last is None:
            return None
        now = time.perf_counter()
        seconds = self._seconds.get(phase, 0.0) + now - self._last
        self._seconds[phase] = seconds
        self._last = now
        return seconds

    def take(self) -> dict[str, float]:
        """All phases since the last call."""
        taken, self._seconds = self._seconds, {}
        return taken

"""A run at a glance: who it is, how it does, and what went wrong with it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otel_trackio.cli.quantity import SECOND, utc
from otel_trackio.facts import Facts, failure
from otel_trackio.lag import Destination, Lag, lags
from otel_trackio.losses import complaints, counted
from otel_trackio.standing import Standing
from otel_trackio.storedrun import StoredRun


@dataclass(frozen=True, slots=True)
class Overview:
    """`error` is what a failed run died of; `damaged` the files that cannot be read, and why."""

    id: str
    path: Path
    facts: Facts
    standing: Standing
    error: str
    torn: bool
    damaged: dict[Path, str]
    lags: tuple[Lag, ...]

    @property
    def title(self) -> str:
        return f"{self.facts.project}/{self.facts.name}"

    @property
    def attempt(self) -> int:
        return max(self.standing.attempts.values(), default=1)

    @property
    def ended(self) -> bool:
        """Whether there will be no more of it, and it is known when that came."""
        return self.standing.state != "running" and self.standing.ended > 0

    @property
    def length(self) -> int:
        """ns from the first sign of life to the last, or to now if there will be more."""
        standing = self.standing
        end = time.time_ns() if standing.state == "running" else standing.ended
        return end - standing.started

    def complaints(self) -> list[str]:
        """What of the run is missing, a short phrase each."""
        return complaints(self.standing.dropped, self.torn, len(self.damaged))

    def remarks(self) -> list[str]:
        """What was noticed while the run was recorded, and took nothing from it."""
        return list(counted(self.standing.dropped, lost=False))

    def document(self) -> dict[str, Any]:
        """As the JSON of `ls` and `info`."""
        return {
            "id": self.id,
            "project": self.facts.project,
            "name": self.facts.name,
            "group": self.facts.group,
            "tags": list(self.facts.tags),
            "state": self.standing.state,
            "error": self.error or None,
            "attempt": self.attempt,
            "ranks": sorted(self.standing.attempts),
            "last_step": self.standing.last_step,
            "points": self.standing.points,
            "started": utc(self.standing.started) if self.standing.started else None,
            "ended": utc(self.standing.ended) if self.ended else None,
            "seconds": self.length / SECOND,
            "counts": dict(self.standing.dropped),
            "torn": self.torn,
            "damaged": [{"path": str(path), "error": why} for path, why in self.damaged.items()],
            "path": str(self.path),
            "remotes": [
                {"remote": each.url, "behind": each.numbers, "seconds": each.seconds}
                for each in self.lags
            ],
        }


def overview(run: StoredRun, destinations: Iterable[Destination] = ()) -> Overview:
    """How the run does, and how far those remotes are behind it.

    Reads it all at one moment. Raises StoreError where nothing of the run can be read."""
    with run.sources() as sources:
        states = [
            event.data
            for each in sources
            for event in each.reader.events()
            if event.kind == "state"
        ]
        standing = run.standing()
        return Overview(
            run.id,
            run.path,
            run.facts(),
            standing,
            error=failure(states) if standing.state == "failed" else "",
            torn=standing.torn or any(data.get("torn") for data in states),
            damaged={path: str(error) for path, error in run.damaged.items()},
            lags=tuple(lags((each.reader for each in sources), destinations)),
        )

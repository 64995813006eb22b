"""Trackio's page on runs of the bench, in Trackio's own environment.

`python trackio_page.py RUNS METRICS STEPS PORT` stores the runs in TRACKIO_DIR, then serves.
"""

from __future__ import annotations

import math
import random
import sys
from datetime import UTC, datetime, timedelta

import trackio
from trackio.sqlite_storage import SQLiteStorage

PIECE = 2_000
"""Steps that are stored together."""


def record(run: str, metrics: int, steps: int) -> None:
    """Noisy decaying curves, a step each 0.3 s."""
    noise = random.Random(run)
    begun = datetime.now(UTC) - timedelta(seconds=0.3 * steps)
    for first in range(0, steps, PIECE):
        piece = range(first, min(first + PIECE, steps))
        values = [
            {
                f"train/metric_{number}": math.exp(-5 * step / steps) + noise.gauss(0, 0.05)
                for number in range(metrics)
            }
            for step in piece
        ]
        times = [(begun + timedelta(seconds=0.3 * step)).isoformat() for step in piece]
        SQLiteStorage.bulk_log("bench", run, values, list(piece), times)


def main(runs: int, metrics: int, steps: int, port: int) -> None:
    for number in range(runs):
        record(f"run-{number:04}", metrics, steps)
    trackio.show("bench", open_browser=False, host="127.0.0.1", server_port=port)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""Aggregates of histograms put into a run file as they are, and told plainly: no code of ours."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from otel_trackio import layout
from otel_trackio.model import NO_STEP, Event, Histogram, Series
from otel_trackio.runfile import RunFile

BEGAN: Final = 1_700_000_000_000_000_000
"""When the first of them begins, in ns."""

SECOND: Final = 1_000_000_000

KEY: Final = "sizes"


def explicit(bounds: Sequence[float], counts: Sequence[float], **more: Any) -> dict[str, Any]:
    """The data of an aggregate whose least and greatest values are not known."""
    told = {"count": sum(counts), "sum": "NaN", "min": "Infinity", "max": "-Infinity"}
    return {**told, "bounds": list(bounds), "counts": list(counts), **more}


def exponential(scale: int, zero: int = 0, **sides: tuple[int, Sequence[int]]) -> dict[str, Any]:
    told = {name: {"offset": at, "counts": list(n)} for name, (at, n) in sides.items()}
    count = zero + sum(sum(n) for _, n in sides.values())
    return {"count": count, "sum": 0.0, "scale": scale, "zero_count": zero, **told}


def totals(aggregates: Sequence[Mapping[str, Any]], start: int = BEGAN) -> list[Histogram]:
    """One a second, all from one start on."""
    return [
        Histogram(NO_STEP, BEGAN + (n + 1) * SECOND, start, dict(each))
        for n, each in enumerate(aggregates)
    ]


def stored(
    dir: Path, aggregates: Sequence[Histogram], temporality: Any = "cumulative", key: str = KEY
) -> str:
    """A run that holds them; its id."""
    run_id, now = "stored", time.time_ns()
    meta: dict[str, Any] = {
        **dict.fromkeys(("host", "boot_id"), "elsewhere"),
        **{"run_id": run_id, "writer": "w", "part": "main", "attempt": 1, "rank": 0, "pid": 0},
        **dict.fromkeys(("created_ns", "heartbeat_ns"), now),
    }
    file = RunFile.create(layout.run_file(dir, run_id, "w"), meta)
    about = {"name": run_id, "project": "stored", "created": now}
    with file.transaction():
        for kind, data in (("run", about), ("state", {"state": "finished"})):
            file.add_event(file.take_numbers(1), Event(kind, now, data))
        series = file.series_id(Series(key, "histogram", temporality))
        for each in aggregates:
            file.add_histogram(file.take_numbers(1), series, each)
    file.close()
    return run_id


def held(edges: Sequence[float | None], values: Sequence[float]) -> list[int]:
    """How many of the values lie above each edge and up to the next one."""
    low = [-math.inf, *edges[1:-1]]
    high = [*edges[1:-1], math.inf]
    array = np.asarray(values)
    return [
        int(np.sum((array > one) & (array <= other))) for one, other in zip(low, high, strict=True)
    ]


def shared(edges: Sequence[float | None], data: Mapping[str, Any]) -> list[float]:
    """The same of what `log()` counted: what lies across several rows is shared out evenly."""
    bounds = [data["min"], *data["bounds"], data["max"]]
    ends = [
        -math.inf if n == 0 else math.inf if each is None else each for n, each in enumerate(edges)
    ]
    found = [0.0] * (len(edges) - 1)
    for low, high, amount in zip(bounds, bounds[1:], data["counts"], strict=False):
        for row, (bottom, top) in enumerate(zip(ends, [*ends[1:-1], math.inf], strict=False)):
            if low == high:
                found[row] += amount * (bottom < low <= top)
            else:
                found[row] += amount * max(0, min(high, top) - max(low, bottom)) / (high - low)
    return found

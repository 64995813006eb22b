"""What a sync costs: nothing for what was synced before, and little memory for what was not.

As a program it is what is measured, in a process that has done the same in small before:
`python -m tests.bench.sync sync|pull DIR RUN REMOTE` prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from otel_trackio import layout
from otel_trackio.cadence import REMOTE, Past, due
from otel_trackio.model import Columns, Points
from otel_trackio.outbox import MAX_MEMORY
from otel_trackio.pull import pull
from otel_trackio.remote import Folder, Remote
from otel_trackio.remotes import remote_of
from otel_trackio.runfile import RunFile
from otel_trackio.sync import Synced, sync
from tests.bench.data import Shape, losses, new_file, series_of, store
from tests.bench.memory import Growth
from tests.bench.table import Row
from tests.fakes.hub import Hub

ROOT: Final = Path(__file__).parents[2]
KEYS: Final = 10
NEW: Final = 1_000
"""Points that are new to a sync whose cost is measured."""

SMALL: Final = 10_000
LARGE: Final = 10_000_000
"""Points that were synced before it."""

PULLED: Final = 1_000_000

SAME_TIME, SAME_BYTES = 1.25, 1.01
"""By what factor a sync may take longer, and send more, with a thousand times as much stored."""

DATASET: Final = "hf://datasets/alice/metrics"
WARM: Final = "warm"
DAY: Final = 86_400.0


def rows(quick: bool) -> list[Row]:
    large, rounds = (PULLED, 15) if quick else (LARGE, 31)
    with tempfile.TemporaryDirectory() as name, Hub("xet") as hub:
        dir = Path(name)
        os.environ.update(hub.env(), HF_XET_CACHE=str(dir / "xet"))
        for points in (NEW, SMALL, PULLED, large):
            run = WARM if points == NEW else run_of(points)
            if not layout.run_dir(dir, run).exists():
                store(dir, run, Shape(KEYS, points // KEYS))
        found: list[Row] = []
        for place, remote in (("a folder", str(dir / "remote")), ("the Hub", DATASET)):
            found += _whole(dir, large, place, remote)
            found += _new(dir, (SMALL, large), place, remote_of(remote), hub, rounds)
        return [*found, *_day(dir)]


def run_of(points: int) -> str:
    return f"run-{points}"


# All at once


def _whole(dir: Path, points: int, place: str, remote: str) -> Iterator[Row]:
    """A first sync of everything, and what comes back of it elsewhere."""
    measure("sync", dir, run_of(SMALL), remote)
    done = measure("sync", dir, run_of(points), remote)
    what = f"{points:,} points to {place}"
    yield Row(f"{what}, all at once", points / done["seconds"] / 1e3, "k points/s")
    yield Row(f"{what}: memory at most", done["growth"] / 1e6, "MB", MAX_MEMORY / 1e6)
    yield Row(f"{what}: Parquet", done["bytes"] / points, "B/point")
    yield Row(f"{what}: files", done["files"], "")
    if points != PULLED:
        measure("sync", dir, run_of(PULLED), remote)
    for amount in dict.fromkeys((PULLED, points)):
        done = measure("pull", dir / f"{amount} from {place}", run_of(amount), remote)
        what = f"{amount:,} points from {place}"
        yield Row(what, done["seconds"], "s")
        yield Row(f"{what}: memory at most", done["growth"] / 1e6, "MB", MAX_MEMORY / 1e6)


def measure(what: str, dir: Path, run: str, remote: str) -> dict[str, float]:
    """`seconds`, `growth` of memory and more, of a sync or a pull of one run."""
    command = (sys.executable, "-m", "tests.bench.sync", what, str(dir), run, remote)
    found: dict[str, float] = json.loads(subprocess.check_output(command, cwd=ROOT))
    return found


def _main(what: str, dir: str, run: str, remote: str) -> None:
    place = Path(dir)
    doing = _synced if what == "sync" else _pulled
    if what == "sync":
        grow(place, WARM)
    doing(place, WARM, remote)
    growth, begin = Growth(), time.perf_counter()
    found = doing(place, run, remote)
    seconds = time.perf_counter() - begin
    print(json.dumps({"seconds": seconds, "growth": growth.most(), **found}))


def _synced(dir: Path, run: str, remote: str) -> dict[str, float]:
    done = sync(dir, [layout.run_dir(dir, run)], remote_of(remote))
    return {"bytes": done.pushed.bytes, "files": done.pushed.files}


def _pulled(dir: Path, run: str, remote: str) -> dict[str, float]:
    done = pull(remote_of(remote), dir, run=run)
    return {"numbers": done.numbers}


# What is new


@dataclass(slots=True)
class Cost:
    """Of syncs of NEW points each: seconds, and bytes of files and of requests."""

    seconds: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)


def _new(
    dir: Path, sizes: tuple[int, int], place: str, remote: Remote, hub: Hub, rounds: int
) -> Iterator[Row]:
    """Both runs in turns, so that a machine that grows slower does so for both."""
    costs = {points: Cost() for points in sizes}
    for turn in range(rounds):
        for points, cost in costs.items():
            grow(dir, run_of(points), turn)
            hub.forget()
            begin = time.perf_counter()
            done = sync(dir, [layout.run_dir(dir, run_of(points))], remote)
            cost.seconds.append(time.perf_counter() - begin)
            cost.files.append(done.pushed.bytes)
            cost.sent.append(sum(each.received for each in hub.requests()))
    small, large = costs.values()
    what = f"{NEW:,} new points to {place}"
    for points, cost in costs.items():
        yield Row(f"{what}, {points:,} stored", 1e3 * median(cost.seconds), "ms")
    slower = median(large.seconds) / median(small.seconds)
    yield Row(f"{what}, {sizes[1]:,} for {sizes[0]:,} stored: time", slower, "x", SAME_TIME)
    yield Row(f"{what}: files", median(large.files) / 1e3, "kB")
    more = median(large.files) / median(small.files)
    yield Row(f"{what}, {sizes[1]:,} for {sizes[0]:,} stored: files", more, "x", SAME_BYTES)
    if any(large.sent):
        yield Row(f"{what}: requests, bodies", median(large.sent) / 1e3, "kB")
        more = median(large.sent) / median(small.sent)
        yield Row(f"{what}, {sizes[1]:,} for {sizes[0]:,} stored: bodies", more, "x", SAME_BYTES)


def grow(dir: Path, run: str, turn: int = 0, points: int = NEW) -> None:
    """Adds points to a stored run, at the steps that follow; the same in each run, in turn."""
    [path] = layout.run_files(layout.run_dir(dir, run))
    file = RunFile.open(path)
    with file.transaction():
        append(file, points, np.random.default_rng(turn))
    file.close()


def append(file: RunFile, points: int, noise: np.random.Generator) -> None:
    """So many points that are logged together, KEYS a step, as new ones."""
    series = list(file.series_ids().values())
    first, now = file.take_numbers(points), time.time_ns()
    row = np.arange(points // len(series))
    step = first // len(series) + row
    parts = []
    for place, series_id in enumerate(series):
        value = losses(0, len(row), len(row), noise, single=True)
        number = first + row * len(series) + place
        parts.append(Columns(series_id, number, Points(step, now + row * 1_000_000, value)))
    file.append(parts)


# Day after day


def _day(dir: Path) -> Iterator[Row]:
    """A day's syncs at the moments of the cadence, of a run that logs KEYS values a second."""
    root = dir / "day"
    file = new_file(root, "day")
    series_of(file, Shape(KEYS, 0))
    path = file.path
    file.close()
    remote, noise, done = Folder(dir / "of a day"), np.random.default_rng(0), list[Synced]()
    past, begin = Past(0.0), time.perf_counter()
    while (moment := due(REMOTE, past)) <= DAY:
        file = RunFile.open(path)
        with file.transaction():
            append(file, KEYS * int(moment - (past.tried or 0)), noise)
        file.close()
        done.append(sync(root, [path.parent], remote))
        past = Past(0.0, tried=moment)
    taken = time.perf_counter() - begin
    what = f"a day of {KEYS} points/s"
    left = remote.list("data")
    yield Row(f"{what}: commits", len(done), "")
    yield Row(f"{what}: files uploaded", sum(each.pushed.files for each in done), "")
    yield Row(f"{what}: files left", len(left), "")
    yield Row(f"{what}: bytes uploaded", sum(each.pushed.bytes for each in done) / 1e6, "MB")
    yield Row(f"{what}: bytes left", sum(each.size for each in left) / 1e6, "MB")
    yield Row(f"{what}: a commit", 1e3 * taken / len(done), "ms")


if __name__ == "__main__":
    _main(*sys.argv[1:])

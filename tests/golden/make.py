"""Makes the golden directory of format version 1: `python -m tests.golden.make`.

Ids, times and sizes are fixed, so that it comes out byte for byte the same with the same versions
of SQLite and zlib; with others the bytes may differ and the content may not. To stay small all
files have SQLite pages of 512 bytes, and the journal a ring of 4 KiB, neither of which is part of
the format. Values are such that their sums are exact in any order.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from otel_trackio import layout
from otel_trackio.chunk import column_of
from otel_trackio.frames import DEFINITION, ENTRY, Layout, Scan, number_to_json
from otel_trackio.intake import Intake
from otel_trackio.journal import Journal, allocate
from otel_trackio.model import NO_STEP, Batch, Event, Histogram, Points, Series
from otel_trackio.runfile import RunFile
from otel_trackio.semconv import LOG_SCOPE, SYSTEM_SCOPE
from otel_trackio.values import Histogram as Values
from tests.golden.content import content, exact

GOLDEN = Path(__file__).parent / "format-1"
RUN_ID = "Golden run"
FIRST, SECOND, OTHER, EDIT = (f"01jxsc0000000000000000000{letter}" for letter in "abce")
START = 1_750_000_000_000_000_000
SECOND_NS = 1_000_000_000
RING, PAGE = 4096, 512

TRAIN = Layout(16, ("train/loss", "Train Epoch", "ok"), "dq?", LOG_SCOPE)
SYSTEM = Layout(17, ("gpu/temp",), "d", SYSTEM_SCOPE)
LATE = Layout(18, ("val/acc",), "d", LOG_SCOPE)
SAMPLES = Series(
    "samples",
    "counter",
    "delta",
    name="samples",
    unit="{sample}",
    description="samples seen",
    attributes='{"shard": 1, "split": "train"}',
    scope="example.loader",
    scope_version="1.2",
)
SEEN = Series("seen", "counter", "delta", name="seen", scope="example.loader")
POWER = Series("gpu.power", name="gpu.power", unit="W", scope="example.gpu")
LATENCY = Series("latency", "histogram", "delta", name="latency", unit="s", scope="example.loader")
SIZES = Series("sizes", "histogram", "cumulative", name="sizes", scope="example.loader")
EXTREMES = {8: 2**63 - 1, 9: -(2**63), 10: 2**62}
BIG = (2**64, -(2**66), 1.5 * 2**64, float("nan"), -0.0, 10**400, float("-inf"), 3)
NAMED = {"name": "first-name", "project": "golden", "group": "g", "tags": ["a"]}
NOT_PLAIN = {10: float("nan"), 20: float("inf"), 30: float("-inf"), 40: -0.0}


class Process:
    """One writer, driven by hand: its run file, its journal, and the thread between them."""

    def __init__(self, dir: Path, writer: str, *, attempt: int, rank: int, lamport: int) -> None:
        self.path = layout.run_file(dir, RUN_ID, writer)
        self.rank = rank
        self.now = START + (attempt - 1) * 50 * SECOND_NS
        meta = about(writer, "main", attempt, rank, self.now) | {"lamport": lamport}
        meta |= {"world_size": 2, "local_rank": rank, "python": "3.11.9"}
        meta["library"] = "otel-trackio 0.1.0"
        meta["journal_size"] = RING
        self.file = RunFile.create(self.path, meta, page_size=PAGE)
        ring = layout.journal_file(self.path)
        self.journal = Journal(allocate(ring, RING), RING, 0.0, threading.Event())
        self.intake = Intake(self.file, rank)
        for each in (TRAIN, SYSTEM):
            self.keep(DEFINITION, NO_STEP, each.definition())

    def keep(self, kind: int, step: int, body: bytes) -> None:
        assert self.journal.put_body(kind, self.now, step, body)

    def entry(self, step: int = NO_STEP, **content: Any) -> None:
        self.keep(ENTRY, step, json.dumps(content).encode())

    def event(self, kind: str, data: dict[str, Any], lamport: int = 0) -> None:
        self.entry(entry="event", kind=kind, data=data, lamport=lamport)

    def train(self, step: int) -> None:
        """What a training loop logs in one step, which takes half a second."""
        loss = NOT_PLAIN.get(step, 2 - step / 64)
        values = (loss, EXTREMES.get(step, 0), step % 2 == 0)
        assert self.journal.put(TRAIN, self.now, step, values)
        self.now += SECOND_NS // 2

    def numbers(self, step: int, **values: float | int) -> None:
        found = [(key, number_to_json(value)) for key, value in values.items()]
        self.entry(step, entry="points", scope=LOG_SCOPE, values=found)

    def count(self, steps: range, series: Series = SAMPLES) -> Batch:
        """Four more in each of some steps."""
        time = self.now + np.arange(len(steps), dtype=np.int64)
        points = Points(np.array(steps), time, column_of([4] * len(steps)))
        return Batch(points=((replace(series, rank=self.rank), points),))

    def drain(self, *batches: Batch, fold: bool = False) -> None:
        data, position = self.journal.undrained()
        scan = Scan(data, self.file.meta("journal_number"))
        with self.file.transaction():
            self.intake.store(scan, batches, self.now)
            self.file.set_meta("journal_position", position)
            self.file.set_meta("journal_number", scan.number)
            self.file.set_meta("heartbeat_ns", self.now)
            self.file.set_meta("counts", json.dumps({"skipped.unsupported": 2}))
        self.journal.drained(position)
        if fold:
            self.file.fold_all()

    def finish(self) -> None:
        self.event("state", {"state": "finished", "exit_code": 0})
        self.drain(fold=True)
        self.journal.close()
        layout.journal_file(self.path).unlink()
        self.file.close()

    def die(self) -> None:
        self.journal.close()
        self.file.connection.close()
        layout.lock_file(self.path).touch()


def about(writer: str, part: str, attempt: int, rank: int, now: int) -> dict[str, Any]:
    meta: dict[str, Any] = {"run_id": RUN_ID, "writer": writer, "part": part, "attempt": attempt}
    here = {"host": "golden", "boot_id": "00000000-0000-0000-0000-000000000000", "pid": 4711}
    return {**meta, "rank": rank, "created_ns": now, **here}


def first_attempt(dir: Path) -> None:
    """It crashes while it writes a frame, with a tail that nobody stored."""
    writer = Process(dir, FIRST, attempt=1, rank=0, lamport=0)
    introduce(writer)
    writer.drain()
    for step in range(64):
        writer.train(step)
        if step < 32:
            writer.numbers(step, tokens=BIG[step % len(BIG)])
        if step % 16 == 15:
            writer.drain(writer.count(range(step - 15, step + 1)), fold=step == 63)
    for step in range(64, 80):
        writer.train(step)
        assert writer.journal.put(SYSTEM, writer.now, NO_STEP, (50 + step / 2,))
    writer.entry(70, entry="histogram", key="weights", data=Values([1, 2, 2, 4], 3).data)
    writer.drain(writer.count(range(64, 80)), aggregates(writer.now), fold=True)
    writer.train(80)
    writer.numbers(80, tokens=-(2**65), exact=float("nan"))
    writer.drain(writer.count(range(80, 82)))
    leave_tail(writer)
    writer.die()


def introduce(writer: Process) -> None:
    writer.event("run", {**NAMED, "created": START, "notes": "two attempts"})
    config = {"lr": 0.1, "model": {"layers": [8, 4]}, "limit": "Infinity", "seed": 2**64}
    writer.event("config", config)
    writer.event("state", {"state": "running", "attempt": 1, "rank": 0})


def aggregates(now: int) -> Batch:
    latency: dict[str, Any] = {"count": 3, "sum": number_to_json(float("inf")), "min": 0.125}
    latency |= {"max": number_to_json(float("inf")), "bounds": [0.125, 0.25], "counts": [1, 1, 1]}
    sizes: dict[str, Any] = {"count": 4, "sum": 15.0, "min": -1.0, "max": 8.0}
    sizes |= {"scale": 0, "zero_count": 1}
    sizes |= {"positive": {"offset": 2, "counts": [2]}, "negative": {"offset": -1, "counts": [1]}}
    watts = Points(np.full(3, NO_STEP), now + np.arange(3), column_of([300, 301, 299]))
    return Batch(
        points=((POWER, watts),),
        histograms=(
            (LATENCY, Histogram(79, now, now - SECOND_NS, latency)),
            (SIZES, Histogram(NO_STEP, now, START, sizes)),
        ),
    )


def leave_tail(writer: Process) -> None:
    writer.event("summary", {"best": 0.75, "epochs": 1})
    for step in range(81, 84):
        writer.train(step)
    writer.keep(DEFINITION, NO_STEP, LATE.definition())
    assert writer.journal.put(LATE, writer.now, 83, (float("nan"),))
    writer.numbers(84, tokens=10**401, exact=float("-inf"))
    writer.keep(15, 84, b"of a layout that nobody knows")
    writer.entry(84, entry="something new", key="k")
    alert = {"title": "loss went up", "text": "by a half", "level": "error"}
    writer.entry(84, entry="record", kind="alert", key=alert["title"], data=alert)
    whole = TRAIN.frame(writer.journal.number, writer.now, 85, (0.5, 8, True))
    with layout.journal_file(writer.path).open("r+b") as ring:
        ring.seek(writer.journal.head % RING)
        ring.write(whole[:30])


def second_attempt(dir: Path) -> None:
    """It goes on from step 60 and finishes."""
    writer = Process(dir, SECOND, attempt=2, rank=0, lamport=4)
    writer.event("config", {"lr": 0.05})
    writer.event("state", {"state": "running", "attempt": 2, "rank": 0})
    alert = {"title": "slow", "text": "", "level": "warn"}
    writer.entry(60, entry="record", kind="alert", key="slow", data=alert)
    for step in range(60, 100):
        writer.train(step)
        if step % 20 == 19:
            writer.drain(writer.count(range(step - 19, step + 1)))
    writer.event("summary", {"best": 0.5})
    writer.finish()


def other_rank(dir: Path) -> None:
    """Its run event says what rank 0 says, and gives way to all others; a key has two series."""
    writer = Process(dir, OTHER, attempt=2, rank=1, lamport=4)
    writer.event("run", NAMED, lamport=-1)
    for step in range(60, 64):
        writer.train(step)
        writer.numbers(step, seen=-step)
        writer.drain(writer.count(range(step, step + 1), SEEN))
    writer.finish()


def edit(dir: Path) -> None:
    """The run gets another name and a tag."""
    now = START + 200 * SECOND_NS
    meta = about(EDIT, "edit", 0, 0, now) | {"lamport": 8}
    file = RunFile.create(layout.run_file(dir, RUN_ID, EDIT), meta, page_size=PAGE)
    with file.transaction():
        for data in ({"name": "golden"}, {"tags": ["a", "b"]}):
            file.add_event(file.take_numbers(1), Event("run", now, data))
    file.close()


def make(dir: Path) -> None:
    """The golden directory at `dir`, which is empty."""
    for part in (first_attempt, second_attempt, other_rank, edit):
        part(dir)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "made"
        make(made)
        shutil.rmtree(GOLDEN, ignore_errors=True)
        shutil.copytree(made, GOLDEN)
        expected = json.dumps(exact(content(made, RUN_ID)))  # Reading leaves files beside.
    (GOLDEN / "expected.json").write_text(lines(expected))


def lines(text: str) -> str:
    """Breaks before each nested object, so that a change can be seen in a diff."""
    return text.replace('{"', '{\n"').replace(', "', ',\n"') + "\n"


if __name__ == "__main__":
    main()

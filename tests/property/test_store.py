"""Any interleaving of recording, draining, folding, crashing and reading shows the same points."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from otel_trackio import layout, recovery
from otel_trackio.attachments import Attachments
from otel_trackio.diagnostics import Diagnostics
from otel_trackio.frames import Scan
from otel_trackio.identity import new_id
from otel_trackio.intake import Intake
from otel_trackio.journal import Journal, allocate
from otel_trackio.reader import RunFileReader
from otel_trackio.recorder import Recorder
from otel_trackio.runfile import RunFile
from otel_trackio.storedrun import StoredRun

JOURNAL_BYTES = 4096
"""So small that the ring wraps again and again."""

FOLD_AT = 20
"""So few that points fold in every run of the machine."""

KEYS = ("loss", "lr", "epoch")
VALUES = st.floats(allow_nan=False) | st.integers()
METRICS = st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1)


class PowerFailure(Exception):
    """Interrupts a transaction."""


class Store(RuleBasedStateMachine):
    """Drives the parts of a writer by hand, one step at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="otel-trackio-"))
        self.expected: dict[str, list[tuple[int, Any]]] = {}
        self.attempt = 0
        self.crashes = 0
        self.begin()

    def begin(self) -> None:
        """A new process goes on with the run."""
        self.attempt += 1
        writer = new_id()
        self.path = layout.run_file(self.root, "run", writer)
        meta = {"run_id": "run", "writer": writer, "part": "main", "attempt": self.attempt}
        meta |= {"rank": 0, "created_ns": 1, "host": "here", "boot_id": "b", "pid": 1}
        self.file = RunFile.create(self.path, meta, FOLD_AT)
        self.journal = Journal(
            allocate(layout.journal_file(self.path), JOURNAL_BYTES),
            JOURNAL_BYTES,
            0.0,
            threading.Event(),
        )
        self.intake = Intake(self.file, 0)
        self.recorder = Recorder(
            self.journal, Attachments(self.path.parent), Diagnostics(raise_errors=True)
        )
        self.number = 0

    @rule(metrics=METRICS, step=st.integers(-3, 30))
    def log(self, metrics: dict[str, Any], step: int) -> None:
        if self.journal.max_frame * 3 < len(self.journal.undrained()[0]):
            self.drain()  # A full ring drops, and counts; here nothing may be lost.
        self.recorder.log(metrics, step)
        for key, value in metrics.items():
            self.expected.setdefault(key, []).append((step, value))

    @rule()
    def drain(self) -> None:
        data, position = self.journal.undrained()
        scan = Scan(data, self.number)
        with self.file.transaction():
            self.store(scan, position)
        self.number = scan.number
        self.journal.drained(position)

    @rule()
    def drain_interrupted(self) -> None:
        """Nothing of a transaction that fails is kept, and the next one has it all."""
        data, position = self.journal.undrained()
        try:
            with self.file.transaction():
                self.store(Scan(data, self.number), position)
                raise PowerFailure
        except PowerFailure:
            pass

    def store(self, scan: Scan, position: int) -> None:
        self.intake.store(scan, (), 1)
        self.file.set_meta("journal_position", position)
        self.file.set_meta("journal_number", scan.number)

    @rule()
    def fold(self) -> None:
        self.file.fold_all()

    @precondition(lambda self: self.crashes < 4)
    @rule(interrupted=st.booleans())
    def crash(self, interrupted: bool) -> None:
        """The process dies: what it leaves is completed, once, and another process goes on."""
        self.crashes += 1
        survivor = self.root.with_name(f"{self.root.name}-{self.crashes}")
        shutil.copytree(self.root, survivor)
        self.file.close()
        self.journal.close()
        shutil.rmtree(self.root)
        self.root = survivor
        path = layout.run_file(self.root, "run", self.path.stem)
        if interrupted:
            journal = layout.journal_file(path)
            kept = journal.read_bytes()
            recovery.recover(path)
            journal.write_bytes(kept)  # It died before it could remove the journal.
        recovery.recover(path)
        assert not layout.journal_file(path).exists()
        self.begin()

    @invariant()
    def every_point_is_there_once(self) -> None:
        with StoredRun(layout.run_dir(self.root, "run")) as run:
            for key, points in self.expected.items():
                history = run.history(key, all=True)
                assert history["step"].tolist() == [step for step, _ in points]
                assert history["value"].tolist() == [value for _, value in points]
                winners = dict(points)
                assert run.history(key)["step"].tolist() == sorted(winners)
                assert run.history(key)["value"].tolist() == [winners[s] for s in sorted(winners)]

    @invariant()
    def no_number_is_used_twice(self) -> None:
        for path in layout.run_files(layout.run_dir(self.root, "run")):
            reader = RunFileReader(path)
            with reader.snapshot():
                columns = [reader.columns(series) for series in reader.series()]
                numbers = [seq for each in columns if each for seq in each.seq.tolist()]
                numbers += [event.seq for event in reader.events()]
            reader.close()
            assert len(numbers) == len(set(numbers))

    def teardown(self) -> None:
        self.file.close()
        self.journal.close()
        shutil.rmtree(self.root)


# A quarter of the profile's examples: each is thirty steps, and after each step all is read.
Store.TestCase.settings = settings(
    max_examples=settings().max_examples // 4, stateful_step_count=30
)
test_store = Store.TestCase

"""Whatever dies or fails while runs are cut, merged and uploaded: a remote gets each row once."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from otel_trackio.catalog import catalogued, cover
from otel_trackio.errors import RemoteUnavailable
from otel_trackio.outbox import Outbox
from otel_trackio.push import push
from otel_trackio.remote import Folder
from tests.fakes.doom import Doom, Killed
from tests.fakes.faulty import Faulty
from tests.fakes.scribe import Scribe
from tests.rows import check_held, stored

MEMORY = Path("/dev/shm")
"""Where it is there, nobody waits for a disk."""

MERGED = 3
"""So few ranges that some of every level are merged."""

WRITERS = st.integers(0, 1)
DEATHS = st.sampled_from(range(80))
"""Before which change to a file it dies; 0 is none."""

FAULTS = st.lists(st.sampled_from(["", "before", "amid", "after"]), max_size=3)


class Sync(RuleBasedStateMachine):
    """Two writers, one outbox, one remote."""

    def __init__(self) -> None:
        super().__init__()
        memory = MEMORY if MEMORY.is_dir() else None
        self.root = Path(tempfile.mkdtemp(prefix="otel-trackio-", dir=memory))
        self.remote = Folder(self.root / "remote")
        self.outbox = Outbox(self.root / "here", self.remote.url, MERGED)
        self.scribes = [Scribe(self.root / "here", name) for name in ("a", "b")]

    @rule(writer=WRITERS, amount=st.integers(1, 200))
    def record_points(self, writer: int, amount: int) -> None:
        self.scribes[writer].points(amount)

    @rule(writer=WRITERS)
    def record_others(self, writer: int) -> None:
        self.scribes[writer].event()
        self.scribes[writer].record()
        self.scribes[writer].histogram()

    @rule(writer=WRITERS, cuts=st.integers(1, 2 * MERGED), death=DEATHS)
    def cut(self, writer: int, cuts: int, death: int) -> None:
        """Several times, and dies in the last of them, or not."""
        scribe = self.scribes[writer]
        for number in range(cuts):
            scribe.points(1 + number % 3)
            with Doom(self.root, death if number == cuts - 1 else 0), suppress(Killed):
                self.outbox.cut(scribe.file)
        if death:
            scribe.reopen()

    @rule(faults=FAULTS, death=DEATHS)
    def push(self, faults: list[str], death: int) -> None:
        with Doom(self.root, death), suppress(Killed, RemoteUnavailable):
            push(self.outbox, Faulty(self.remote, faults))

    @rule(faults=FAULTS, cuts=st.integers(1, 2 * MERGED))
    def push_while_others_cut(self, faults: list[str], cuts: int) -> None:
        def meanwhile() -> None:
            for scribe in self.scribes * cuts:
                scribe.points(1)
                self.outbox.cut(scribe.file)

        with suppress(RemoteUnavailable):
            push(self.outbox, Faulty(self.remote, faults, meanwhile))

    @invariant()
    def nothing_is_missing_in_between(self) -> None:
        """Who reads a remote at any moment finds each writer's numbers from 1 on, up to some."""
        for writers in catalogued("", self.remote.list("data")).runs.values():
            for spans in writers.values():
                whole = [span for span in spans if "points" in span.files]
                assert cover(whole).gaps == ()

    def teardown(self) -> None:
        try:
            for scribe in self.scribes:
                self.outbox.cut(scribe.file)
            push(self.outbox, self.remote)
            check_held(self.remote.root, stored(self.root / "here"))
            assert [path for path in self.outbox.root.rglob("*") if path.is_file()] == []
        finally:
            for scribe in self.scribes:
                scribe.file.close()
            shutil.rmtree(self.root)


Sync.TestCase.settings = settings(max_examples=settings().max_examples // 5, stateful_step_count=20)
test_sync = Sync.TestCase

"""Whatever dies or fails while runs are cut, merged and uploaded: a remote gets each row once."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import hypothesis.strategies as st
import pyarrow.parquet as pq
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from otel_trackio import attachment, place
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

    @rule(writer=WRITERS, which=st.integers(0, 3), death=DEATHS)
    def record_image(self, writer: int, which: int, death: int) -> None:
        with Doom(self.root, death % 5), suppress(Killed):
            self.scribes[writer].image(which)
        self.scribes[writer].reopen()

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

    @invariant()
    def what_is_named_is_there(self) -> None:
        """No record is ever in a remote without the files that it names."""
        assert named(self.remote.root) <= beside(self.remote.root).keys()

    def teardown(self) -> None:
        try:
            for scribe in self.scribes:
                self.outbox.cut(scribe.file)
            push(self.outbox, self.remote)
            check_held(self.remote.root, stored(self.root / "here"))
            assert [path for path in self.outbox.root.rglob("*") if path.is_file()] == []
            kept = beside(self.remote.root)
            assert named(self.remote.root) == kept.keys()
            assert all(attachment.is_sound(*each) for each in kept.items())
        finally:
            for scribe in self.scribes:
                scribe.file.close()
            shutil.rmtree(self.root)


def named(root: Path) -> set[str]:
    """The files that records under a folder name."""
    found: set[str] = set()
    for path in (root / place.ROOT / "records").rglob("*.parquet"):
        for data in pq.read_table(path, columns=["data"])["data"].to_pylist():
            found.update(attachment.named_in(data))
    return found


def beside(root: Path) -> dict[str, bytes]:
    """Files that records may name, by name."""
    paths = (root / place.ROOT / place.FILES).rglob("*.png")
    return {path.name: path.read_bytes() for path in paths}


Sync.TestCase.settings = settings(max_examples=settings().max_examples // 5, stateful_step_count=20)
test_sync = Sync.TestCase


@pytest.mark.parametrize("death", range(1, 170, 4))
def test_what_was_sent_is_forgotten_in_order(tmp_path: Path, death: int) -> None:
    """Dying while ranges that were merged twice before they were sent are forgotten, nothing of
    them comes again.
    """
    here, remote = tmp_path / "here", Folder(tmp_path / "remote")
    outbox, scribe = Outbox(here, remote.url, MERGED), Scribe(here)
    for number in range(MERGED**2 + 1):
        scribe.points(1)
        scribe.image(number)
        outbox.cut(scribe.file)
    with Doom(outbox.root, death), suppress(Killed):
        push(outbox, remote)
    scribe.points(1)
    outbox.cut(scribe.file)
    push(outbox, remote)
    scribe.file.close()
    check_held(remote.root, stored(here))
    assert [path for path in outbox.root.rglob("*") if path.is_file()] == []

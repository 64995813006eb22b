"""What recovery promises: exactly once, whatever happens to it, and never over a live process."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from otel_trackio import layout, recovery
from otel_trackio.storedrun import StoredRun
from tests.e2e.directory import copied, only_file, only_run
from tests.e2e.pipe import Pipe
from tests.e2e.promise import check_counted
from tests.e2e.puppet import Puppet
from tests.e2e.ring import cut, flip, places
from tests.e2e.worker import Worker

UNDRAINED = {"OTEL_TRACKIO_INTERVAL": "3600"}
"""Under which everything logged stays in the journal, up to half of it."""


def steps_of(run: StoredRun) -> list[int]:
    """The steps logged, in their order; both metrics have the same ones."""
    with run.sources():
        known = {each.key for each in run.metrics()}
        steps = {key: run.history(key, all=True)["step"].tolist() for key in known}
    assert steps.get("loss", []) == steps.get("count", [])
    return list(steps.get("count", []))


@pytest.fixture
def wreck(puppet: Callable[..., Puppet]) -> Path:
    """The run file of a killed process: 100 steps are stored, 100 more are in the journal."""
    doomed = puppet(env=UNDRAINED)
    doomed.init("crash")
    doomed.log(0, 100)
    doomed.do("flush", 60)
    doomed.log(100, 200)
    doomed.kill()
    return only_file()


def test_a_torn_last_record_is_reported(wreck: Path, tmp_path: Path) -> None:
    """A record that was not finished is left out and reported; everything before it is kept."""
    journal = layout.journal_file(wreck)
    last = places(journal)[-1]
    header, whole = 16, last.length
    for byte in (*range(4), header, header + 8, header + 16, header + 20, whole - 1):
        victim = copied(wreck, tmp_path / f"flip{byte}")
        flip(layout.journal_file(victim), last.offset + byte)
        check_torn(victim)
    for kept in (header, header + 1, whole // 2, whole - 8):  # The last number is not zero.
        victim = copied(wreck, tmp_path / f"blank{kept}")
        unwritten = bytes(whole - kept)
        with layout.journal_file(victim).open("r+b") as file:
            file.seek(last.offset + kept)
            file.write(unwritten)
        check_torn(victim)
        victim = copied(wreck, tmp_path / f"cut{kept}")
        cut(layout.journal_file(victim), last.offset + kept)
        check_torn(victim)


def check_torn(path: Path) -> None:
    """All but the last step is there, before and after recovery, which says that one was torn."""
    run = StoredRun(path.parent)
    check_counted(run, 0, 199)
    assert run.standing().torn
    recovered = recovery.recover(path)
    assert recovered is not None
    assert recovered.torn
    check_counted(run, 0, 199)
    with run.sources() as sources:
        ends = [e.data for s in sources for e in s.reader.events() if e.kind == "state"]
    assert (ends[-1]["state"], ends[-1]["torn"]) == ("crashed", True)


def test_a_journal_that_lost_its_end_is_reported(
    puppet: Callable[..., Puppet], tmp_path: Path, size: Callable[[int, int], int]
) -> None:
    """Of a journal that was cut anywhere, its first records are kept, and the loss is reported."""
    doomed = puppet(env={**UNDRAINED, "OTEL_TRACKIO_JOURNAL_SIZE": "64KiB"})
    doomed.init("crash")
    doomed.log(0, 1000)  # 52 kB
    doomed.do("flush", 60)
    doomed.log(1000, 1500)  # 26 kB, around the end of the ring.
    doomed.kill()
    for number in range(size(10, 1000)):
        victim = copied(only_file(), tmp_path / f"cut{number}")
        cut(layout.journal_file(victim), random.randrange(64 << 10))
        recovered = recovery.recover(victim)
        steps = steps_of(StoredRun(victim.parent))
        assert steps == list(range(len(steps)))
        assert len(steps) >= 1000
        assert recovered is not None
        assert recovered.torn or len(steps) == 1500


def test_recovery_may_be_killed_at_any_instant(
    start: Callable[..., Worker], puppet: Callable[..., Puppet], size: Callable[[int, int], int]
) -> None:
    """However often recovery is killed, in the end every point is there once."""
    doomed = puppet(env=UNDRAINED)
    doomed.init("crash")
    doomed.log(0, 50_000)
    doomed.kill()
    for _ in range(size(4, 50)):
        rescuer = start("rescuer", piped=True)
        rescuer.hears("ready")
        time.sleep(random.uniform(0, 0.5))  # The instant; nobody waits for anything here.
        rescuer.kill()
        check_counted(only_run(), 0, 50_000)
    assert start("rescuer").wait() == 0
    check_counted(only_run(), 0, 50_000)
    assert not recovery.orphans(only_run().path)
    assert only_run().standing().state == "crashed"


def test_of_many_that_recover_one_does(
    start: Callable[..., Worker], puppet: Callable[..., Puppet], pipe: Callable[[], Pipe]
) -> None:
    """Processes that recover the same file at the same time do it once between them."""
    doomed, go = puppet(env=UNDRAINED), pipe()
    doomed.init("crash")
    doomed.log(0, 5000)
    doomed.kill()
    rescuers = [start("rescuer", go.reader, inherited=(go.reader,), piped=True) for _ in range(4)]
    for each in rescuers:
        each.hears("ready")
    go.close(go.writer)
    answers = [each.process.communicate()[0] for each in rescuers]
    assert sorted(answers) == ["10000\n", "None\n", "None\n", "None\n"]
    check_counted(only_run(), 0, 5000)


def test_a_live_run_is_never_recovered(puppet: Callable[..., Puppet]) -> None:
    """Whoever tries, and wherever from, is refused while the process lives, and not after.

    Its forked children may live on: they hold nothing back.
    """
    live, other = puppet(), puppet()
    live.init("crash")
    live.log(0, 100)
    path = only_file()
    assert recovery.recover(path) is None
    assert other.do("recover", str(path)) is None
    assert live.do("recover", str(path)) is None
    assert live.do("fork_to_recover", str(path)) is None
    assert only_run().standing().state == "running"
    live.log(100, 200)
    live.kill()
    assert only_run().standing().state == "crashed"
    assert recovery.recover(path) is not None
    check_counted(only_run(), 0, 200)


def test_a_lost_lease_duplicates_nothing(puppet: Callable[..., Puppet]) -> None:
    """Where the lease is lost and another process recovers the live run, points still are once.

    POSIX frees a process's lock when it closes any descriptor of the file: reading the folder,
    for a backup or an upload, is enough.
    """
    live = puppet(env={"OTEL_TRACKIO_INTERVAL": "0.05", "OTEL_TRACKIO_HEARTBEAT": "0.05"})
    live.init("crash")
    live.log(0, 100)
    live.do("flush", 60)
    live.log(100, 200)
    for path in only_file().parent.iterdir():
        live.do("read_file", str(path))
    recovery.recover(only_file())
    live.log(200, 300)
    live.do("flush", 60)
    live.log(300, 400)
    live.finish()
    check_counted(only_run(), 0, 400)
    assert only_run().standing().state == "finished"

"""Machines that share DIR, each a process with a scratch of its own: what they lose, and see."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from otel_trackio import Api
from tests.e2e.cluster import Cluster
from tests.e2e.disk import Disk
from tests.e2e.promise import check_counted
from tests.e2e.puppet import Puppet

MIB = 1 << 20

Node = Callable[..., Puppet]


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """DIR."""
    monkeypatch.setenv("OTEL_TRACKIO_DIR", str(tmp_path / "shared"))
    return tmp_path / "shared"


@pytest.fixture
def node(shared: Path, tmp_path: Path, puppet: Callable[..., Puppet]) -> Node:
    """`node(name, **env)` is a process on the machine of that name."""

    def starting(name: str, **env: str) -> Puppet:
        made = {"OTEL_TRACKIO_SCRATCH": str(tmp_path / name), "OTEL_TRACKIO_INTERVAL": "0.02"}
        return puppet(env={**made, **env})

    return starting


@pytest.fixture
def reader(tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A machine that records nothing."""
    monkeypatch.setenv("OTEL_TRACKIO_SCRATCH", str(tmp_path / "reader"))
    with Api() as api:
        yield api


def wait_until(holds: Callable[[], Any]) -> None:
    """The test's time limit ends what never comes."""
    while not holds():
        time.sleep(0.05)


def steps(api: Api, run: str, rank: int = 0) -> list[int]:
    stored = api.by_id(run)
    ranks = {each.key: each.ranks for each in stored.metrics()} if stored else {}
    if stored is None or rank not in ranks.get("count", ()):
        return []
    return [int(step) for step in stored.history("count", rank=rank)["step"]]


def await_steps(amount: int, api: Api, run: str, rank: int = 0) -> None:
    wait_until(lambda: len(steps(api, run, rank)) == amount)


def test_a_machine_that_is_lost_takes_what_dir_had_not_got(
    node: Node, reader: Api, tmp_path: Path
) -> None:
    """`kill -9` and a wiped scratch: all that was logged before the last sync is there, exact."""
    one = node("one")
    run = one.init("p")
    one.log(0, 1000)
    assert one.do("sync", 60)
    one.log(1000, 1500)
    one.kill()
    shutil.rmtree(tmp_path / "one")
    kept = len(steps(reader, run))
    assert 1000 <= kept <= 1500
    check_counted(reader.run(run), 0, kept)


@pytest.mark.soak
def test_dir_is_never_far_behind(node: Node, reader: Api, tmp_path: Path) -> None:
    """With nothing called for it, DIR has what is older than a few intervals, again and again."""
    one = node("one")
    run = one.init("p")
    for last in range(1000, 4000, 1000):
        one.log(last - 1000, last)
        await_steps(last, reader, run)
    one.kill()
    shutil.rmtree(tmp_path / "one")
    check_counted(reader.run(run), 0, 3000)


def test_a_kill_loses_nothing_while_the_scratch_is_there(node: Node, reader: Api) -> None:
    """The next run on the machine brings to DIR what a killed one had not, journal and all."""
    one = node("one")
    run = one.init("p")
    one.log(0, 500)
    one.kill()
    assert steps(reader, run) == []
    next_one = node("one")
    next_one.init("p")
    wait_until(lambda: steps(reader, run))
    check_counted(reader.run(run), 0, 500)
    assert reader.run(run).state == "crashed"
    next_one.finish()


def test_machines_write_one_run(node: Node, reader: Api) -> None:
    """The ranks of two nodes are one run, which a third reads while it goes on."""
    ranks = [
        node(f"node-{rank}", RANK=str(rank), WORLD_SIZE="2", OTEL_TRACKIO_RUN_ID="job")
        for rank in range(2)
    ]
    for rank, each in enumerate(ranks):
        assert each.init("p") == "job"
        each.log(0, 100 + rank)
        assert each.do("sync", 60)
    for rank in range(2):
        await_steps(100 + rank, reader, "job", rank)
    assert reader.run("job").state == "running"
    for each in ranks:
        each.log(200, 300)
        each.finish()
    for rank in range(2):
        await_steps(200 + rank, reader, "job", rank)
    wait_until(lambda: reader.run("job").state == "finished")
    [run] = reader.runs()
    assert run.standing().attempts == {0: 1, 1: 1}


def test_a_run_goes_on_where_another_machine_was_lost(
    node: Node, reader: Api, tmp_path: Path
) -> None:
    """On another machine it is the next attempt, and goes on after the last step that DIR has."""
    one = node("one")
    run = one.init("p", id="job")
    one.log(0, 100)
    assert one.do("sync", 60)
    one.kill()
    shutil.rmtree(tmp_path / "one")
    two = node("two")
    assert two.init("p", id="job", resume="must") == run
    two.do("metrics", {"count": 100})
    two.finish()
    wait_until(lambda: steps(reader, run) == list(range(101)))
    assert reader.run(run).standing().attempts == {0: 2}


def test_processes_of_one_machine_share_a_scratch(node: Node, reader: Api) -> None:
    """Ranks that end at the same moment leave nothing behind, whoever of them uploads."""
    ranks = [
        node("one", RANK=str(rank), WORLD_SIZE="4", OTEL_TRACKIO_RUN_ID="job") for rank in range(4)
    ]
    for each in ranks:
        each.init("p")
        each.log(0, 50)
    for each in ranks:
        each.begin("finish", 0, 60)
    for each in ranks:
        assert each.process.stdin is not None
        each.process.stdin.close()  # It ends when it has answered.
        assert each.wait() == 0
    for rank in range(4):
        assert len(steps(reader, "job", rank)) == 50


def test_the_machine_that_records_reads_live(node: Node) -> None:
    """Another process there sees what DIR has not got yet."""
    one = node("one")
    run = one.init("p")
    one.log(0, 100)
    assert node("one").do("read", "count")[run]["step"] == list(range(100))
    one.finish()


@pytest.fixture
def disk(tmp_path: Path, until_end: ExitStack) -> Disk:
    return until_end.enter_context(Disk(tmp_path / "disk", 8 * MIB))


@pytest.mark.needs_root
def test_dir_that_cannot_be_written_is_read(
    disk: Disk, tmp_path: Path, until_end: ExitStack
) -> None:
    """A machine that has DIR mounted read-only sees all runs."""
    recording = disk.puppet(OTEL_TRACKIO_SCRATCH=str(tmp_path / "one"))
    until_end.callback(recording.close)
    run = recording.init("p")
    recording.log(0, 100)
    recording.finish()
    disk.show_read_only(tmp_path / "shown")
    reading = disk.puppet(
        OTEL_TRACKIO_DIR=str(tmp_path / "shown"), OTEL_TRACKIO_SCRATCH=str(tmp_path / "two")
    )
    until_end.callback(reading.close)
    assert reading.do("read", "count")[run]["step"] == list(range(100))


@pytest.mark.needs_root
def test_a_full_scratch_ends_nothing(
    disk: Disk, shared: Path, reader: Api, until_end: ExitStack
) -> None:
    """Training goes on; what the journal took is in DIR as soon as there is room."""
    one = disk.puppet(
        OTEL_TRACKIO_DIR=str(shared),
        OTEL_TRACKIO_SCRATCH=str(disk.path),
        OTEL_TRACKIO_RAISE="0",
        OTEL_TRACKIO_JOURNAL_SIZE="1MiB",
        OTEL_TRACKIO_FULL_WAIT="0.05",
    )
    until_end.callback(one.close)
    run = one.init("p")
    one.log(0, 100)
    assert one.do("sync", 60)
    disk.fill()
    one.log(100, 200)
    assert not one.do("sync", 1)
    await_steps(100, reader, run)
    disk.free()
    one.log(200, 300)
    one.finish()
    await_steps(300, reader, run)
    check_counted(reader.run(run), 0, 300)


@pytest.mark.needs_root
def test_a_scratch_without_room_is_given_up(
    disk: Disk, shared: Path, tmp_path: Path, reader: Api, until_end: ExitStack
) -> None:
    """A run that finds no room there goes to the temporary folder, and reaches DIR from there."""
    (tmp_path / "tmp").mkdir()
    disk.fill()
    one = disk.puppet(
        OTEL_TRACKIO_DIR=str(shared),
        OTEL_TRACKIO_SCRATCH=str(disk.path),
        OTEL_TRACKIO_RAISE="0",
        TMPDIR=str(tmp_path / "tmp"),
    )
    until_end.callback(one.close)
    run = one.init("p")
    one.log(0, 100)
    one.finish()
    await_steps(100, reader, run)


@pytest.mark.needs_root
def test_a_reader_without_room_shows_what_it_has(
    disk: Disk, shared: Path, tmp_path: Path, until_end: ExitStack
) -> None:
    """Where the scratch is full no reader fails: it says that what it shows may be old."""
    recording = disk.puppet(
        OTEL_TRACKIO_DIR=str(shared), OTEL_TRACKIO_SCRATCH=str(tmp_path / "one")
    )
    until_end.callback(recording.close)
    first = recording.init("p")
    recording.log(0, 100)
    assert recording.do("sync", 60)

    def read() -> Any:
        reading = disk.puppet(OTEL_TRACKIO_DIR=str(shared), OTEL_TRACKIO_SCRATCH=str(disk.path))
        until_end.callback(reading.close)
        return reading.do("read", "count")

    assert len(read()[first]["step"]) == 100
    recording.log(100, 20_000)
    recording.finish()
    disk.fill()
    assert len(read()[first]["step"]) == 100
    disk.free()
    assert len(read()[first]["step"]) == 20_000


@pytest.fixture
def cluster(tmp_path: Path, until_end: ExitStack) -> Cluster:
    """DIR, mounted by FUSE."""
    mounted = Cluster(tmp_path / "cluster")
    until_end.callback(mounted.close)
    return mounted


@pytest.fixture
def member(cluster: Cluster, tmp_path: Path, until_end: ExitStack) -> Callable[[str], Puppet]:
    """`member(name)` is a process on the machine of that name, which has set nothing."""

    def starting(name: str) -> Puppet:
        (tmp_path / name).mkdir(exist_ok=True)
        made = cluster.puppet(TMPDIR=str(tmp_path / name))
        until_end.callback(made.close)
        return made

    return starting


@pytest.mark.needs_root
def test_a_cluster_file_system_is_known_by_itself(
    cluster: Cluster, member: Callable[[str], Puppet], tmp_path: Path
) -> None:
    """Where SQLite itself fails, runs are recorded in the job's scratch and read by all."""
    one = member("one")
    run = one.init("p")
    assert Path(one.do("path")).is_relative_to(tmp_path / "one")
    one.log(0, 100)
    one.finish()
    two = member("two")
    assert two.do("read", "count")[run] == {
        **{"state": "finished", "step": list(range(100)), "value": list(range(100))},
    }
    assert two.init("p", id=run, resume="must") == run
    two.do("metrics", {"count": 100})
    two.finish()
    assert member("one").do("read", "count")[run]["step"] == list(range(101))
    found = [path for path in (cluster.root).rglob("*") if path.is_file()]
    assert {path.suffix for path in found} == {".md", ".parquet"}


@pytest.mark.needs_root
def test_training_goes_on_while_dir_hangs(
    cluster: Cluster, member: Callable[[str], Puppet]
) -> None:
    """`log()` never waits for the file system; what waits for it arrives when it is back."""
    one = member("one")
    run = one.init("p")
    one.log(0, 100)
    assert one.do("sync", 60)
    cluster.hang()
    one.log(100, 10_000)
    assert one.do("flush", 60)
    assert not one.do("sync", 0.5)
    cluster.go_on()
    one.log(10_000, 10_100)
    one.finish()
    assert member("two").do("read", "count")[run]["step"] == list(range(10_100))

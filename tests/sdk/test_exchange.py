"""DIR on a file system that machines share: what goes between it and their scratches."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import otel_trackio
from otel_trackio import Api, layout
from otel_trackio.beacon import signs
from otel_trackio.cli import main
from otel_trackio.doctor import examine

Node = Callable[[str], Path]


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """DIR."""
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")
    monkeypatch.setenv("OTEL_TRACKIO_DIR", str(tmp_path / "shared"))
    return tmp_path / "shared"


@pytest.fixture
def node(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """`node(name)` makes this machine another one; returns the folder that stands in for DIR."""

    def becoming(name: str) -> Path:
        monkeypatch.setenv("OTEL_TRACKIO_SCRATCH", str(tmp_path / name))
        return Api().store

    return becoming


def record(name: str = "run", steps: int = 10, **options: Any) -> otel_trackio.Run:
    with otel_trackio.init("p", name, **options) as run:
        for step in range(steps):
            run.log({"x": step}, step)
        run.alert("look", "here")
    return run


def values(name: str = "run") -> list[int]:
    with Api() as api:
        found: list[int] = api.run(name).history("x")["value"].tolist()
    return found


def files(folder: Path) -> set[str]:
    """Endings of all files below a folder."""
    return {path.suffix for path in folder.rglob("*") if path.is_file()}


def cli(*words: str) -> Any:
    ran = CliRunner().invoke(main, [*words, "--json"])
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


def test_dir_gets_segments_alone(node: Node, shared: Path) -> None:
    """Run file and journal lie in the scratch; by the run's end DIR has all of it as Parquet."""
    here = node("one")
    run = record()
    assert run.path == here / "runs" / run.id
    assert run.unsynced == 0
    assert files(shared) == {".md", ".parquet"}
    assert files(here / "runs") == {".db"}


def test_another_machine_reads_what_dir_has(node: Node, shared: Path) -> None:
    """Histories, alerts, config and state, with nothing to call before."""
    node("one")
    run = record(config={"lr": 0.1}, tags=["t"])
    node("two")
    with Api().run(run.id) as there:
        assert there.history("x")["value"].tolist() == list(range(10))
        assert [alert.key for alert in there.alerts()] == ["look"]
        assert (there.state, there.config, there.tags) == ("finished", {"lr": 0.1}, ("t",))
    assert files(shared) == {".md", ".parquet"}


def test_reading_follows_dir(node: Node) -> None:
    """A reader that is open sees what other machines bring, without a call for it."""
    node("two")
    reader = Api()
    assert reader.runs() == []
    node("one")
    run = record()
    first = poll(lambda: reader.runs())
    with first[0] as stored:
        assert stored.standing().last_step == 9
        with otel_trackio.init("p", id=run.id, resume="must") as again:
            again.log({"x": 10})
        assert poll(lambda: stored.standing().last_step == 10)
    reader.close()


def poll(found: Callable[[], Any]) -> Any:
    """The first answer that is not empty."""
    while not (answer := found()):
        time.sleep(0.05)
    return answer


def test_what_is_live_here_is_read_live(node: Node) -> None:
    """On the machine that records, a point is seen when `log()` has returned."""
    node("one")
    with otel_trackio.init("p", "run") as run:
        for step in range(3):
            run.log({"x": step}, step)
            assert values() == list(range(step + 1))


def test_a_run_that_logs_seldom_is_running_everywhere(node: Node, shared: Path) -> None:
    """Its points may be old: machines that read DIR see its process's signs of life there."""
    node("one")
    with otel_trackio.init("p", "run") as run:
        run.log({"x": 0}, 0)
        assert run.sync_now()
        [sign] = poll(lambda: list(shared.glob("alive/*")))
        there = node("two")
        assert values() == [0]
        [replica] = layout.run_files(layout.run_dir(there, run.id))
        make_old(replica)
        assert Api().run("run").state == "running"

        def silent() -> bool:
            os.utime(sign, (0, 0))
            return Api().run("run").state == "crashed"

        assert poll(silent)  # Unless the next sign came meanwhile.
    assert Api().run("run").state == "finished"
    assert list(shared.glob("alive/*")) == []


def make_old(file: Path) -> None:
    """All times in a run file are an hour earlier."""
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE point SET time_ns = time_ns - 3600 * 1000000000")
        connection.execute("UPDATE event SET time_ns = time_ns - 3600 * 1000000000")
        connection.execute(
            "UPDATE meta SET value = value - 3600 * 1000000000"
            " WHERE key IN ('heartbeat_ns', 'created_ns')"
        )
    connection.close()


def test_dir_that_holds_segments_needs_no_setting(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a local disk, as on the file server itself, the segments are read all the same."""
    node("one")
    record()
    monkeypatch.delenv("OTEL_TRACKIO_SCRATCH")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert values() == list(range(10))


def test_edits_travel(node: Node) -> None:
    """A run that was renamed, moved or tagged on one machine is so on all."""
    node("one")
    run = record("old")
    node("two")
    stored = Api().run(run.id)
    stored.rename("new")
    stored.move("q")
    stored.tag(["best"])
    for name in ("one", "three"):
        node(name)
        facts = Api().run(run.id).facts()
        assert (facts.project, facts.name, facts.tags) == ("q", "new", ("best",))


def test_a_deleted_run_is_gone_everywhere(node: Node, shared: Path) -> None:
    """Its data is removed from DIR and from every scratch that is used again; others stay."""
    here = node("one")
    run = record()
    record("kept")
    before = len(list(shared.rglob("*.parquet")))
    there = node("two")
    assert cli("rm", "run", "--yes")[0]["deleted"]
    for name in ("three", "two", "one"):
        node(name)
        assert [each.name for each in Api().runs()] == ["kept"]
    left = [path for path in shared.rglob("*.parquet") if run.id in str(path)]
    assert len(left) < before - 1
    assert all(b"look" not in path.read_bytes() for path in left)
    for store in (here, there):
        [tombstone] = layout.run_files(layout.run_dir(store, run.id))
        assert tombstone.stem not in {
            path.name[:26] for path in shared.glob(f"data/v1/records/*{run.id}/*")
        }


def test_runs_that_lie_in_dir_itself_stay_readable(
    node: Node, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded before DIR had a scratch, they can be read, changed, continued and deleted."""
    old, gone = record("old"), record("gone")
    node("one")
    assert values("old") == list(range(10))
    Api().run("old").tag(["kept"])
    with otel_trackio.init("p", id=old.id, resume="must") as again:
        again.log({"x": 10})
    Api().run("gone").delete()
    node("two")
    with Api() as api:
        [run] = api.runs()
        assert (run.name, run.tags) == ("old", ("kept",))
        assert run.history("x")["value"].tolist() == list(range(11))
        assert run.standing().attempts == {0: 2}
    assert layout.run_files(layout.run_dir(shared, gone.id)) == []


def test_a_run_goes_on_from_another_machine(node: Node) -> None:
    """`resume` finds in DIR what no scratch of this machine has ever held."""
    node("one")
    first = record()
    node("two")
    with otel_trackio.init("p", "run", resume="must") as again:
        assert (again.id, again.attempt) == (first.id, 2)
        again.log({"x": 10})
    node("three")
    assert values() == list(range(11))


def test_a_run_that_exists_elsewhere_is_not_begun_again(node: Node) -> None:
    """An id that DIR knows is taken, unless the run is to go on."""
    node("one")
    record(id="mine")
    node("two")
    with pytest.raises(otel_trackio.ConfigError, match="exists already"):
        otel_trackio.init("p", id="mine")


def test_what_came_from_another_remote_reaches_dir(node: Node, tmp_path: Path) -> None:
    """`pull` into such a DIR brings runs to all machines."""
    node("one")
    record(dir=tmp_path / "elsewhere", remote=str(tmp_path / "remote"))
    cli("pull", str(tmp_path / "remote"))
    node("two")
    assert values() == list(range(10))


def test_any_machine_syncs_what_others_recorded(node: Node, tmp_path: Path) -> None:
    """A login node brings to the Hub what nodes without internet brought to DIR."""
    node("one")
    record()
    node("two")
    sent = cli("sync", "--all", "--to", str(tmp_path / "remote"))
    assert sent["files"] > 0
    assert cli("sync", "--all", "--to", str(tmp_path / "remote"))["files"] == 0
    cli("pull", str(tmp_path / "remote"), "--dir", str(tmp_path / "elsewhere"))
    with Api(tmp_path / "elsewhere") as api:
        assert api.run("run").history("x")["value"].tolist() == list(range(10))


def test_sync_without_a_remote_brings_runs_to_dir(node: Node, shared: Path) -> None:
    """What DIR would not take while a run was recorded, it gets later."""
    node("one")
    shared.touch()
    run = record()
    assert run.unsynced > 0
    [problem] = [each for each in examine().problems if each.subject == "scratch"]
    assert f"hold what {shared} has not" in problem.message
    shared.unlink()
    assert cli("sync", "run")["new"] > 0
    node("two")
    assert values() == list(range(10))


def test_the_doctor_brings_what_waits(node: Node, shared: Path) -> None:
    """It names the scratch, and leaves nothing there that DIR has not."""
    here = node("one")
    shared.touch()
    record()
    shared.unlink()
    looked = examine(recover=False).directory
    assert (looked.scratch, looked.runs, len(looked.waiting)) == (here, 1, 1)
    report = examine()
    assert report.directory.waiting == ()
    assert [each for each in report.problems if each.subject == "scratch"] == []
    assert f"scratch      {here}" in CliRunner().invoke(main, ["doctor"]).stdout.replace("\n", "")
    node("two")
    assert values() == list(range(10))


def test_the_next_run_brings_what_waits(node: Node, shared: Path) -> None:
    """What earlier processes could not bring to DIR, the first one that can does."""
    node("one")
    shared.touch()
    record("first")
    record("second")
    shared.unlink()
    record("third")
    node("two")
    reader = Api()
    assert poll(lambda: len(reader.runs()) == 3)
    reader.close()
    assert values("first") == values("second") == list(range(10))


def test_a_damaged_file_keeps_nothing_else_from_dir(node: Node, shared: Path) -> None:
    """What waits beside it is brought."""
    here = node("one")
    shared.touch()
    record()
    shared.unlink()
    (layout.runs_dir(here) / "damaged").mkdir()
    (layout.runs_dir(here) / "damaged" / "w.db").write_bytes(b"nothing of ours" * 999)
    with Api() as api:
        assert api.exchange is not None
        api.exchange.settle()
    node("two")
    assert values() == list(range(10))


def test_signs_of_life_are_seen_while_others_go(shared: Path) -> None:
    """A writer that ends just now takes no other's with it."""
    (shared / "alive").mkdir(parents=True)
    (shared / "alive" / "lives").touch()
    (shared / "alive" / "gone").symlink_to(shared / "nowhere")
    assert set(signs(shared)) == {"lives"}


def test_a_scratch_that_cannot_be_used_is_told(
    node: Node, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next folder that serves is taken: nothing keeps a run from being recorded."""
    (tmp_path / "one").touch()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    here = node("one")
    assert here.is_relative_to(tmp_path / "tmp")
    with caplog.at_level(logging.WARNING):
        record()
    [told] = [each.message for each in caplog.records if "cannot be the scratch" in each.message]
    assert told.startswith(f"{tmp_path / 'one'} cannot be the scratch, and {here} is used")
    [problem] = [each for each in examine().problems if each.subject == "scratch"]
    assert problem.message == f"{tmp_path / 'one'} cannot be the scratch"


def test_a_dir_that_cannot_be_read_hides_nothing(
    node: Node, shared: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is here is shown, and said to be what is here, once; other runs come all the same."""
    node("one")
    record("broken")
    record("whole")
    [points] = [p for p in shared.glob("data/v1/points/*/*") if Api().run("broken").id in str(p)]
    points.write_bytes(b"PAR1")
    node("two")
    with caplog.at_level(logging.WARNING), Api() as api:
        assert api.run("whole").history("x")["value"].tolist() == list(range(10))
        api.runs()
    told = [each.message for each in caplog.records if str(shared) in each.message]
    assert len(told) == 1
    assert told[0].startswith(f"what is shown of {shared} may be old")

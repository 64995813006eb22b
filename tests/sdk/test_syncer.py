"""A live run keeps its remote up to date."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.dataset as ds
import pytest

import otel_trackio
from otel_trackio import Run, syncstate
from otel_trackio.cadence import Cadence
from otel_trackio.errors import RemoteUnavailable
from otel_trackio.outbox import Outbox
from otel_trackio.remote import Folder, Remote
from otel_trackio.runfile import RunFile
from otel_trackio.syncer import Syncer

NEVER = 3600.0
SELDOM = Cadence(NEVER, NEVER, 0, NEVER, forward=NEVER, urgent=0.05, longest=NEVER, shared=0.5)
OFTEN = Cadence(0.05, 0.05, 0, 0.05, forward=0.05, urgent=0.05, longest=0.2, shared=0.5)

pytestmark = pytest.mark.usefixtures("silent")


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")


@pytest.fixture
def remote(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "remote")


def synced(run: Run, dir: Path, remote: Remote, cadence: Cadence) -> None:
    run.sync_by(
        lambda writer: Syncer(dir, writer.path, remote, run.diagnostics, writer.perform, cadence)
    )


def values(remote: Folder, key: str = "x") -> list[float]:
    """What the Parquet files of a remote hold, whoever reads them."""
    folder = remote.root / "data/v1/points"
    if not any(folder.rglob("*.parquet")):
        return []
    rows = ds.dataset(folder).to_table(filter=ds.field("key") == key)
    return sorted(rows["value"].to_pylist())


def eventually(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_now_brings_everything_and_the_run_goes_on(tmp_path: Path, remote: Folder) -> None:
    """`sync_now` returns when the remote has all that was logged before it."""
    with otel_trackio.init("p", dir=tmp_path) as run:
        synced(run, tmp_path, remote, SELDOM)
        for step in range(100):
            run.log({"x": step})
        assert run.sync_now()
        assert values(remote) == list(range(100))
        run.log({"x": 100})
        eventually(lambda: len(values(remote)) == 101)  # The machine may be about to go away.


def test_now_is_done_while_others_log_on(tmp_path: Path, remote: Folder) -> None:
    """What is logged after it was asked for does not count as left."""
    stop = threading.Event()
    with otel_trackio.init("p", dir=tmp_path) as run:
        synced(run, tmp_path, remote, SELDOM)

        def log_on() -> None:
            while not stop.is_set():
                run.log({"y": 1})

        thread = threading.Thread(target=log_on)
        thread.start()
        try:
            run.log({"x": 1})
            assert run.sync_now()
        finally:
            stop.set()
            thread.join()
        assert values(remote) == [1]


def test_a_remote_that_hangs_keeps_no_other_waiting(tmp_path: Path, remote: Folder) -> None:
    """All are asked at once, and what the worst of them lacks is told."""
    with otel_trackio.init("p", dir=tmp_path) as run:
        synced(run, tmp_path, Hanging(tmp_path / "hangs"), SELDOM)
        synced(run, tmp_path, remote, SELDOM)
        run.log({"x": 1})
        assert not run.sync_now(timeout=2)
        assert values(remote) == [1]
        run.finish(timeout=1)
    assert run.unsynced > 0


def test_what_was_meant_for_a_remote_is_known(tmp_path: Path, remote: Folder) -> None:
    """A run that never reached it is behind by everything, and one command brings such runs."""
    (tmp_path / "file").write_text("in the way")
    for name, to in (("meant", str(tmp_path / "file")), ("other", None)):
        with otel_trackio.init("p", name, dir=tmp_path, remote=to) as run:
            run.log({"x": 1})
    listed = json.loads(program("ls", "--json", "--dir", str(tmp_path)))
    assert [[lag["behind"] for lag in each["remotes"]] for each in listed] == [[4], []]
    (tmp_path / "file").unlink()
    program("sync", "--to", str(tmp_path / "file"), "--dir", str(tmp_path))
    assert values(Folder(tmp_path / "file")) == [1]
    listed = json.loads(program("ls", "--json", "--dir", str(tmp_path)))
    assert [[lag["behind"] for lag in each["remotes"]] for each in listed] == [[0], []]


class Hanging(Folder):
    """Takes longer than anybody waits."""

    def commit(self, add: Mapping[str, Path], delete: Sequence[str], message: str) -> None:
        threading.Event().wait(30)


def test_a_checkpoint_pulls_the_next_sync_forward(tmp_path: Path, remote: Folder) -> None:
    """`sync_soon` returns at once, and the sync comes."""
    cadence = Cadence(NEVER, NEVER, 0, NEVER, forward=0.05, urgent=NEVER, longest=NEVER, shared=0.5)
    with otel_trackio.init("p", dir=tmp_path) as run:
        synced(run, tmp_path, remote, cadence)
        run.log({"x": 1})
        run.sync_soon()
        eventually(lambda: values(remote) == [1])


def test_a_run_may_have_several_remotes(tmp_path: Path, remote: Folder) -> None:
    """Each gets everything."""
    other = Folder(tmp_path / "other")
    with otel_trackio.init("p", dir=tmp_path) as run:
        synced(run, tmp_path, remote, SELDOM)
        synced(run, tmp_path, other, OFTEN)
        run.log({"x": 1})
    assert values(remote) == values(other) == [1]


class Busy(Folder):
    """Asks to come back later, and counts how often it was asked."""

    asked = 0

    def commit(self, add: Mapping[str, Path], delete: Sequence[str], message: str) -> None:
        self.asked += 1
        raise RemoteUnavailable("too many requests", "later", kind="429", retry_after=NEVER)


def test_a_remote_that_asks_for_time_gets_it(tmp_path: Path) -> None:
    """Only the end of the run asks again, and says how much waits."""
    busy = Busy(tmp_path / "busy")
    run = otel_trackio.init("p", dir=tmp_path)
    synced(run, tmp_path, busy, OFTEN)
    run.log({"x": 1})
    eventually(lambda: busy.asked == 1)
    time.sleep(0.5)
    assert busy.asked == 1
    run.finish()
    assert busy.asked == 2
    assert run.unsynced > 0
    assert run.diagnostics.counts()["sync.429"] == 2


def test_processes_of_a_machine_share_commits(tmp_path: Path, remote: Folder) -> None:
    """While others upload on time a run only cuts; when they stop it uploads."""
    outbox = Outbox(tmp_path, remote.url)
    each_second = Cadence(1, 1, 0, 1, forward=1, urgent=1, longest=1, shared=0.5)

    def others_go_on() -> bool:
        now = time.time_ns()
        syncstate.write(outbox.state, replace(syncstate.read(outbox.state), succeeded=now))
        return True

    with otel_trackio.init("p", dir=tmp_path) as run:
        synced(run, tmp_path, remote, each_second)
        for step in range(2):
            run.log({"x": step})
            run.flush()
            eventually(lambda: others_go_on() and len(waiting_points(outbox)) == step + 1)  # noqa: B023
        assert values(remote) == []
        eventually(lambda: values(remote) == [0, 1])


def waiting_points(outbox: Outbox) -> list[str]:
    return [entry.path for entry in outbox.waiting() if "/points/" in entry.path]


RANK = """
import sys
from pathlib import Path
import otel_trackio
from tests.sdk.test_syncer import SELDOM, Folder, synced
dir, remote = Path(sys.argv[1]), Folder(Path(sys.argv[2]))
run = otel_trackio.init("p", dir=dir)
synced(run, dir, remote, SELDOM)
run.log({"x": run.rank})
print("ready", flush=True)
sys.stdin.readline()
run.finish()
"""


def test_ranks_that_end_together_lose_nothing(tmp_path: Path, remote: Folder) -> None:
    """They share an outbox: each waits for its turn, and every point arrives once."""
    environ = {**os.environ, "WORLD_SIZE": "4", "OTEL_TRACKIO_RUN_ID": "shared"}
    environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", RANK, str(tmp_path), str(remote.root)]
    ranks = [
        subprocess.Popen(
            command,
            env={**environ, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(4)
    ]
    for each in ranks:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in ranks:
        each.communicate("\n", timeout=60)
    assert [each.returncode for each in ranks] == [0] * 4
    assert values(remote) == [0, 1, 2, 3]


def test_what_forked_and_killed_processes_left_goes_along(tmp_path: Path, remote: Folder) -> None:
    """A worker that logs and is killed, and an attempt that was, are synced with the run."""
    code = (
        "import os, sys, otel_trackio; from pathlib import Path;"
        "from tests.sdk.test_syncer import SELDOM, Folder, synced;"
        "run = otel_trackio.init('p', dir=sys.argv[1], id='one', resume='allow');"
        "synced(run, Path(sys.argv[1]), Folder(Path(sys.argv[2])), SELDOM);"
        "run.log({'x': 1});"
        "child = os.fork();"
        "child or (run.log({'x': 2}), os.kill(os.getpid(), 9));"
        "os.waitpid(child, 0);"
        "run.flush();"
        "sys.argv[3] == 'kill' and os.kill(os.getpid(), 9);"
        "run.finish()"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path), str(remote.root)]
    killed = subprocess.run([*command, "kill"], env=environ, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert values(remote) == []
    subprocess.run([*command, "finish"], env=environ, timeout=60, check=True)
    assert values(remote) == [1, 1, 2, 2]


def test_a_worker_that_is_killed_after_a_sync_goes_along(tmp_path: Path, remote: Folder) -> None:
    """While it lives its file is left alone, and what it logged is synced once it is gone."""
    code = (
        "import os, sys, otel_trackio; from pathlib import Path;"
        "from tests.sdk.test_syncer import SELDOM, Folder, synced;"
        "run = otel_trackio.init('p', dir=sys.argv[1]);"
        "synced(run, Path(sys.argv[1]), Folder(Path(sys.argv[2])), SELDOM);"
        "(logged, told), (waiting, goes) = os.pipe(), os.pipe();"
        "child = os.fork();"
        "child or (run.log({'x': 1}), run.flush(), os.write(told, b'.'), os.read(waiting, 1),"
        "          os.kill(os.getpid(), 9));"
        "os.read(logged, 1);"
        "run.log({'x': 2});"
        "assert run.sync_now();"
        "os.write(goes, b'.');"
        "os.waitpid(child, 0);"
        "run.finish()"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path), str(remote.root)]
    subprocess.run(command, env=environ, timeout=60, check=True)
    assert values(remote) == [1, 2]


def test_a_file_that_cannot_be_asked_stops_nothing(tmp_path: Path, remote: Folder) -> None:
    """Who ends a run, or syncs it, is told that something waits, whatever is wrong."""

    def perform(task: Callable[[RunFile], int], timeout: float) -> int:
        raise sqlite3.OperationalError("disk I/O error")

    with otel_trackio.init("p", dir=tmp_path) as run:
        run.sync_by(
            lambda writer: Syncer(tmp_path, writer.path, remote, run.diagnostics, perform, SELDOM)
        )
        assert not run.sync_now()
    assert run.unsynced > 0


def test_how_syncing_goes_is_shown(tmp_path: Path, remote: Folder) -> None:
    """`ls` and `info` tell how far the remote is behind, `doctor` what was sent and what failed."""
    run = otel_trackio.init("p", "live", dir=tmp_path)
    synced(run, tmp_path, remote, replace(SELDOM, urgent=NEVER))
    run.log({"x": 1})
    assert run.sync_now()
    for step in range(1000):
        run.log({"x": step})
    run.flush()
    (listed,) = json.loads(program("ls", "--json", "--dir", str(tmp_path)))
    (lag,) = listed["remotes"]
    assert lag["remote"] == str(remote.root)
    assert lag["behind"] == 1000
    assert lag["seconds"] > 0
    run.finish()
    (listed,) = json.loads(program("ls", "--json", "--dir", str(tmp_path)))
    assert listed["remotes"] == [{"remote": str(remote.root), "behind": 0, "seconds": 0}]
    report = json.loads(program("doctor", "--json", "--dir", str(tmp_path)))
    (state,) = report["remotes"]
    assert state["url"] == str(remote.root)
    assert state["attempts"] >= 2
    assert (state["failures"], state["error"], state["waiting"]["files"]) == ({}, "", 0)
    assert state["bytes"] == sum(entry.size for entry in remote.list("data"))


def test_what_was_never_sent_is_late_since_its_run_began(tmp_path: Path) -> None:
    """A remote that has taken nothing yet is not behind for half a century."""
    with otel_trackio.init("p", dir=tmp_path) as run:
        synced(run, tmp_path, Busy(tmp_path / "busy"), SELDOM)
        run.log({"x": 1})
        assert not run.sync_now()
    (listed,) = json.loads(program("ls", "--json", "--dir", str(tmp_path)))
    (lag,) = listed["remotes"]
    assert 0 < lag["seconds"] < 3600


def program(*arguments: str) -> str:
    command = [sys.executable, "-m", "otel_trackio", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout

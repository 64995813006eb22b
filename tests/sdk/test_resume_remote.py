"""A run goes on where nothing of it is but what its remote holds."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

import otel_trackio
from otel_trackio import Api, Run, layout
from otel_trackio.errors import ConfigError
from otel_trackio.pull import pull
from otel_trackio.remote import Folder
from otel_trackio.storedrun import StoredRun
from otel_trackio.sync import sync

Machine = Callable[..., AbstractContextManager[Run]]


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")


@pytest.fixture
def remote(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "remote")


@pytest.fixture
def on(tmp_path: Path, remote: Folder) -> Iterator[Machine]:
    """`on("a", ...)` records on machine a; each has a folder of its own."""

    def init(machine: str, *args: Any, **options: Any) -> Run:
        return otel_trackio.init(*args, dir=tmp_path / machine, remote=str(remote.root), **options)

    yield init
    otel_trackio.finish()


def begun(on: Machine, machine: str = "a", steps: int = 5, **options: Any) -> Run:
    """A run of so many steps, and a machine that is gone."""
    with on(machine, "p", options.pop("name", "job"), **options) as run:
        for step in range(steps):
            run.log({"x": step})
    return run


def pulled(remote: Folder, dir: Path, run_id: str) -> StoredRun:
    pull(remote, dir)
    return Api(dir).run(run_id)


def steps(run: StoredRun, **options: Any) -> dict[int, Any]:
    history = run.history("x", **options)
    return dict(zip(history["step"].tolist(), history["value"].tolist(), strict=True))


@pytest.mark.parametrize("how", ["id", "name"])
def test_a_run_goes_on_elsewhere(how: str, on: Machine, remote: Folder, tmp_path: Path) -> None:
    """As one run: steps, config, name, group and tags go on, and steps that are redone win."""
    first = begun(on, config={"lr": 0.1, "bs": 8}, group="g", tags=["t"])
    shutil.rmtree(tmp_path / "a")
    asked = {"id": first.id} if how == "id" else {"project": "p", "name": "job"}
    with on("b", resume="must", config={"lr": 0.2}, **asked) as second:
        assert (second.id, second.attempt, second.rank) == (first.id, 2, 0)
        assert (second.project, second.name, second.group, second.tags) == ("p", "job", "g", ("t",))
        assert second.config == {"lr": 0.2, "bs": 8}
        second.log({"x": 50})
        second.log({"x": 30}, step=3)
    run = pulled(remote, tmp_path / "c", first.id)
    assert steps(run) == {0: 0, 1: 1, 2: 2, 3: 30, 4: 4, 5: 50}
    assert run.standing().attempts == {0: 2}
    assert run.config == {"lr": 0.2, "bs": 8}
    assert [each.id for each in Api(tmp_path / "c").runs()] == [first.id]


def test_where_it_goes_on_it_has_its_name(on: Machine, remote: Folder, tmp_path: Path) -> None:
    """Before anything is pulled; and what is said there gives way to what the remote says."""
    first = begun(on, config={"lr": 0.1}, tags=["t"])
    before = pulled(remote, tmp_path / "c", first.id).facts()
    with on("b", id=first.id, resume="must"):
        pass
    assert Api(tmp_path / "b").run("p/job").facts() == before
    assert pulled(remote, tmp_path / "c", first.id).facts() == before
    assert steps(pulled(remote, tmp_path / "b", first.id)) == {n: n for n in range(5)}


CRASH = """
import os, signal, sys
import otel_trackio
run = otel_trackio.init("p", "job", dir=sys.argv[1], remote=sys.argv[2])
for step in range(50):
    run.log({"x": step})
assert run.sync_now()
run.log({"x": 1000})
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_that_nobody_ended_goes_on(on: Machine, remote: Folder, tmp_path: Path) -> None:
    """From the last step that was synced before its machine went away."""
    command = [sys.executable, "-c", CRASH, str(tmp_path / "a"), str(remote.root)]
    assert subprocess.run(command, timeout=100).returncode == -signal.SIGKILL
    with on("b", "p", "job", resume="must") as run:
        assert run.attempt == 2
        run.log({"x": -1})
    found = pulled(remote, tmp_path / "c", run.id)
    assert steps(found) == {n: n if n < 50 else -1 for n in range(51)}
    assert found.state == "finished"


def test_each_machine_goes_on_after_all_others(on: Machine, remote: Folder, tmp_path: Path) -> None:
    """Also the first one, which knows the run, but not how far others have come with it."""
    first = begun(on, steps=2)
    for attempt, machine in enumerate(("b", "d", "a"), 2):
        with on(machine, id=first.id, resume="allow") as run:
            assert run.attempt == attempt
            run.log({"x": attempt})
            run.config["last"] = machine
    found = pulled(remote, tmp_path / "c", first.id)
    assert steps(found) == {n: n for n in range(5)}
    assert found.config == {"last": "a"}


RANK = """
import sys
import otel_trackio
run = otel_trackio.init("p", dir=sys.argv[1], remote=sys.argv[2])
for _ in range(int(sys.argv[3])):
    run.log({"x": run.rank})
run.finish()
print(run.attempt)
"""


def test_all_ranks_go_on_at_the_same_step(remote: Folder, tmp_path: Path) -> None:
    """Whether they come before or after others have synced steps of the same attempt."""

    def launch(attempt: int, rank: int, amount: int) -> None:
        environ = {
            **os.environ,
            "RANK": str(rank),
            "WORLD_SIZE": "3",
            "OTEL_TRACKIO_RUN_ID": "launched",
            "OTEL_TRACKIO_RESUME": "allow",
        }
        # Each rank has a machine of its own, and each launch has other ones.
        command = [sys.executable, "-c", RANK, str(tmp_path / f"{attempt}-{rank}")]
        command += [str(remote.root), str(amount)]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100)
        assert done.stdout == f"{attempt}\n", done.stderr

    for attempt, amounts in ((1, (4, 6, 5)), (2, (3, 1, 2))):
        for rank, amount in enumerate(amounts):
            launch(attempt, rank, amount)
    run = pulled(remote, tmp_path / "c", "launched")
    assert run.standing().attempts == {0: 2, 1: 2, 2: 2}
    for rank, expected in ((0, [0, 1, 2, 3, 6, 7, 8]), (1, [*range(7)]), (2, [*range(5), 6, 7])):
        assert list(steps(run, rank=rank)) == expected


def test_the_last_step_is_found_further_back(on: Machine, remote: Folder, tmp_path: Path) -> None:
    """Where only hardware was measured since."""
    with on("a", "p", "job") as first:
        first.log({"x": 1}, step=7)
        for _ in range(3):
            assert first.sync_now()
            first.log_system({"gpu/temp": 60})
    assert len(remote.list("data/v1/points")) == 4
    with on("b", id=first.id, resume="must") as second:
        second.log({"x": 2})
        assert second.flush()
        assert list(steps(Api(tmp_path / "b").run(first.id))) == [8]


def test_what_a_merge_left_behind_does_not_count(
    on: Machine, remote: Folder, tmp_path: Path
) -> None:
    """A segment that lies inside of another is not the last one, wherever it begins."""
    with on("a", "p", "job") as first:
        first.log({"x": 1}, step=3)
        assert first.sync_now()
        for step in range(10):
            first.log({"x": 1}, step=step)
    earlier, last = (remote.root / each.path for each in remote.list("data/v1/points"))
    begin = int(last.stem.split("-")[1])
    left = f"{earlier.stem.split('-')[0]}-{begin + 1}-{begin + 1}.parquet"
    shutil.copy(earlier, last.with_name(left))
    with on("b", id=first.id, resume="must") as second:
        second.log({"x": 2})
        assert list(steps(Api(tmp_path / "b").run(first.id))) == [10]


def test_a_range_that_is_being_sent_does_not_count(
    on: Machine, remote: Folder, tmp_path: Path
) -> None:
    """Its points come last, so without them it is as if it were not there."""
    with on("a", "p", "job") as run:
        run.log({"x": 0})
        assert run.sync_now()
        run.log({"x": 1})
    *_, last = sorted((remote.root / "data/v1/points").rglob("*.parquet"))
    last.unlink()
    with on("b", "p", "job", id=run.id, resume="must") as again:
        again.log({"x": 2})
    assert (again.attempt, steps(Api(tmp_path / "b").run(run.id))) == (2, {1: 2})


def test_the_newest_of_a_name_goes_on(on: Machine, remote: Folder, tmp_path: Path) -> None:
    """Of what the remote and this machine know, by the names that runs have now."""
    begun(on, id="custom")
    old, renamed, deleted = (begun(on) for _ in range(3))
    begun(on, name="other")
    api = Api(tmp_path / "a")
    api.run(renamed.id).rename("better")
    api.run(deleted.id).delete()
    sync(tmp_path / "a", layout.run_dirs(tmp_path / "a"), remote)
    for name, expected in (("job", old), ("better", renamed)):
        with on(f"b-{name}", "p", name, resume="must") as run:
            assert run.id == expected.id
    with otel_trackio.init("p", "job", dir=tmp_path / "b") as own:
        pass
    with on("b", "p", "job", resume="must") as run:
        assert run.id == own.id
    with on("d", "q", "job", resume="allow") as run:
        assert run.attempt == 1


def test_what_was_deleted_here_is_not_found_there(
    on: Machine, remote: Folder, tmp_path: Path
) -> None:
    """A machine knows better than a remote that it has not told yet."""
    older, newer = begun(on), begun(on)
    Api(tmp_path / "a").run(newer.id).delete()
    with on("a", "p", "job", resume="must") as run:
        assert run.id == older.id


def test_a_deleted_run_does_not_go_on(on: Machine, remote: Folder, tmp_path: Path) -> None:
    """The remote says so to machines that never had it."""
    run = begun(on)
    Api(tmp_path / "a").run(run.id).delete()
    sync(tmp_path / "a", layout.run_dirs(tmp_path / "a"), remote)
    for resume in ("must", "allow"):
        with pytest.raises(ConfigError, match="was deleted; choose another id"):
            on("b", "p", id=run.id, resume=resume)
    with pytest.raises(ConfigError, match=rf"no run p/job in .*/b or {remote.root}; pass resume="):
        on("b", "p", "job", resume="must")


def test_what_must_be_there_is_looked_for_in_both_places(on: Machine, remote: Folder) -> None:
    """And the error names both; what may be there begins anew."""
    with pytest.raises(ConfigError, match=rf"no run 'absent' in .*/b or {remote.root}; pass"):
        on("b", "p", id="absent", resume="must")
    with on("b", "p", id="absent", resume="allow") as run:
        assert run.attempt == 1


def test_a_remote_that_cannot_be_read(
    on: Machine, remote: Folder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It stops who needs it, and nobody else: who may do without is told, once."""
    first = begun(on)
    for entry in remote.list("data/v1/events"):
        (remote.root / entry.path).write_bytes(b"garbage")
    with pytest.raises(ConfigError, match=r"the run is not known here, and .* cannot be read"):
        on("b", "p", id=first.id, resume="must")
    with caplog.at_level(logging.WARNING, "otel_trackio"):
        for asked in ({"id": first.id}, {"name": "job"}):
            caplog.clear()
            with on(f"b-{[*asked]}", "p", resume="allow", **asked) as run:
                run.log({"x": 1})
            [message] = [m for m in caplog.messages if "segment" in m]
            assert message.endswith("; the run is recorded as a new one")
            assert (run.attempt, run.state) == (1, "finished")
        with on("a", "p", id=first.id, resume="must") as run:
            assert run.attempt == 2
    assert caplog.messages[-1].endswith("; the run goes on from what is known here")


def test_without_resume_the_remote_is_not_read(on: Machine, remote: Folder) -> None:
    """A run that is new begins as if there were none, whatever is there under its id."""
    first = begun(on)
    with on("b", "p", id=first.id) as run:
        assert run.attempt == 1

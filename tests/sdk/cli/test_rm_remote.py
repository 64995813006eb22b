"""Deleting runs from a remote: rm --remote."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

import otel_trackio
from otel_trackio import Api, Run
from otel_trackio.errors import RemoteUnavailable
from otel_trackio.outbox import Outbox
from otel_trackio.place import TABLES
from otel_trackio.withdraw import withdraw
from tests.fakes.faulty import Faulty
from tests.fakes.watched import STEPS, Watched, everything, is_whole, live, record

if TYPE_CHECKING:
    from tests.sdk.cli.conftest import Program


def kinds(remote: Watched, run: Run) -> set[str]:
    """Of everything that is left of a run."""
    files = [path for table in TABLES for path in remote.segments(table) if run.id in str(path)]
    lines = [row for path in files for row in pq.read_table(path).to_pylist()]
    return {row["kind"] for row in lines}


def test_rm_deletes_from_the_remote_too(own: Program, remote: Watched, url: str) -> None:
    """Its tombstone stays: who pulled the run loses it, who syncs it still brings nothing back."""
    run, kept = record(own.dir, "a"), record(own.dir, "b")
    everything(own.dir, remote)
    elsewhere = own.dir / "elsewhere"
    own("pull", url, "--dir", str(elsewhere))
    shutil.copytree(own.dir / "runs", own.dir / "stale" / "runs")
    asked = own.run("rm", "a", "--remote", input="n\n")
    assert f"p/a  {STEPS} points, started" in asked.stderr
    assert "2 files, " in asked.stderr
    assert f" in {url}, newest" in asked.stderr
    assert is_whole(own.dir, run)
    assert own("rm", "--yes", "a", "--remote") == "deleted p/a\n"
    assert kinds(remote, run) == {"writer", "delete"}
    assert [each["id"] for each in own.json("remote", "ls")] == [kept.id]
    for dir in (elsewhere, own.dir, own.dir / "new"):
        own("pull", url, "--dir", str(dir))
        assert [each.id for each in Api(dir).runs()] == [kept.id]
    everything(own.dir / "stale", Watched(remote.root))
    own("pull", url, "--dir", str(own.dir / "new"))
    assert [each.id for each in Api(own.dir / "new").runs()] == [kept.id]
    assert is_whole(elsewhere, kept)


def test_rm_deletes_what_is_only_in_the_remote(own: Program, remote: Watched, url: str) -> None:
    """By name, by id or by how that begins; nobody else's run."""
    runs = [record(own.dir, name) for name in "abcd"]
    everything(own.dir, remote)
    shutil.rmtree(own.dir / "runs")
    assert own.refusal("rm", "--yes", "a")[0] == 1
    for name in ("p/a", runs[1].id, "c"):
        own("rm", "--yes", f"--remote={url}", name)
    assert [each["name"] for each in own.json("remote", "ls")] == ["d"]
    assert own.refusal("rm", "--yes", f"--remote={url}", "a")[0] == 1
    assert own.json("rm", "--yes", f"--remote={url}", "d")[0]["id"] == runs[3].id
    own("pull", url)
    assert Api(own.dir).runs() == []


def test_rm_leaves_a_live_run_alone(own: Program, remote: Watched, url: str) -> None:
    """Wherever it is recorded, unless forced; what it still sends does not bring it back."""
    run = live(own.dir, remote)
    other = own.dir / "other"
    other.mkdir()
    refused = own.run("rm", "--yes", "--remote", run.id, "--dir", str(other))
    assert "is still being recorded" in refused.stderr
    refused = own.run("rm", "--yes", f"--remote={url}", run.id)
    assert "is still being recorded" in refused.stderr
    assert own("--dir", str(other), "rm", "--yes", "--force", f"--remote={url}", run.id) == (
        "deleted p/live\n"
    )
    run.log({"x": 2})
    run.finish()
    assert own.json("remote", "ls") == []
    own("remote", "merge")
    own("pull", url, "--dir", str(own.dir / "new"))
    assert Api(own.dir / "new").runs() == []


def test_rm_says_where_a_run_still_is(own: Program, remote: Watched, url: str) -> None:
    """Deleted here alone, it stays in the remote until a sync tells it."""
    run = record(own.dir, "a")
    everything(own.dir, remote)
    ran = own.run("rm", "--yes", "a")
    remedy = f"otel-trackio rm {run.id} --remote={url} deletes it there"
    assert ran.stderr == f"{url} holds it still; {remedy}\n"
    own("sync", "--all")
    assert own.json("remote", "ls") == []
    done = own.json("remote", "merge")
    assert done["deleted"] > 0
    assert kinds(remote, run) == {"writer", "delete"}


def test_rm_takes_no_run_for_a_remote(own: Program, remote: Watched, url: str) -> None:
    """What stands behind `--remote` is a run; a remote is put to it by `=`."""
    record(own.dir, "a")
    record(own.dir, "b")
    everything(own.dir, remote)
    assert own("rm", "--yes", "--remote", "a", "b") == "deleted p/a\ndeleted p/b\n"
    assert own.json("remote", "ls") == []
    code, error = own.refusal("rm", "--remote", "hf://datasets/u/n", "a")
    assert code == 2
    assert "did you mean --remote=hf://datasets/u/n?" in error


def test_rm_from_a_remote_that_fails_can_be_repeated(own: Program, remote: Watched) -> None:
    """What it did until then stays done, and what waited to be sent is not sent any more."""
    run = record(own.dir, "a")
    everything(own.dir, remote)
    with otel_trackio.init("p", id=run.id, resume="must", dir=own.dir) as more:
        more.log({"x": 1})
    with pytest.raises(RemoteUnavailable):
        everything(own.dir, Faulty(remote, ["before"]))
    Api(own.dir).run(run.id).delete()
    for fault in ("before", "after"):
        with pytest.raises(RemoteUnavailable):
            withdraw(own.dir, run.id, Faulty(remote, [fault]))
    withdraw(own.dir, run.id, remote)
    assert kinds(remote, run) == {"writer", "delete"}
    assert Outbox(own.dir, remote.url).waiting() == []
    assert withdraw(own.dir, "another", remote) == 0

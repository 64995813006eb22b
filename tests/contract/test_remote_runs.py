"""Runs on the Hub are pulled, verified, merged and deleted as those in a folder are."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from otel_trackio import Api
from otel_trackio.catalog import catalog
from otel_trackio.errors import RemoteUnavailable
from otel_trackio.holding import holdings
from otel_trackio.merge import merge
from otel_trackio.pull import pull
from otel_trackio.remote import Entry, Remote
from otel_trackio.verify import verify
from otel_trackio.withdraw import withdraw
from tests.contract import places
from tests.contract.places import Place
from tests.fakes.hub import Hub
from tests.fakes.watched import STEPS, is_whole, record, send

pytestmark = pytest.mark.xdist_group("hub")

PIECES = (10, 20, 30, 40, 50)


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")


@pytest.fixture(params=("regular", "xet", "bucket"))
def place(request: pytest.FixtureRequest) -> Place:
    return places.place(request.param, request)


@pytest.fixture
def remote(place: Place) -> Remote:
    made: Remote = place.prepared()
    return made


def test_many_segments_become_few(place: Place, remote: Remote, tmp_path: Path) -> None:
    """In few commits; before and after, and where it was cut short, everything is there once."""
    runs = [record(tmp_path / "here", name) for name in "ab"]
    for run in runs:
        send(tmp_path / "here", run, remote, *PIECES)
    before = verify(remote)
    assert before.problems == []
    assert before.points == 2 * STEPS
    commits = place.commits()
    place.there.fault(r"/(commit|batch)", "drop_after")
    with suppress(RemoteUnavailable):  # Of a bucket the client itself tries again.
        merge(remote)
    assert pull(remote, tmp_path / "between").numbers == before.others + before.points - 2
    done = merge(remote)
    assert place.commits() <= commits + 4
    assert (done.runs, done.broken, merge(remote).deleted) == (2, 0, 0)
    after = verify(remote)
    assert (after.points, after.others, after.problems) == (before.points, before.others, [])
    assert after.files < before.files
    pull(remote, tmp_path / "there")
    for dir in ("between", "there"):
        assert all(is_whole(tmp_path / dir, run) for run in runs)


def test_a_run_is_deleted_everywhere(remote: Remote, tmp_path: Path) -> None:
    """Only its tombstone stays; who pulled it before has it no longer."""
    run, kept = (record(tmp_path / "here", name) for name in "ab")
    for each in (run, kept):
        send(tmp_path / "here", each, remote, *PIECES)
    pull(remote, tmp_path / "there")
    Api(tmp_path / "here").run(run.id).delete()
    assert withdraw(tmp_path / "here", run.id, remote) > 0
    assert [len(writers) for writers in catalog(remote, run.id).runs.values()] == [1]
    assert [each.facts.deleted for each in holdings(remote)] == [True, False]
    pull(remote, tmp_path / "there")
    assert [each.id for each in Api(tmp_path / "there").runs()] == [kept.id]
    assert is_whole(tmp_path / "there", kept)


def test_what_is_merged_meanwhile_is_listed_again(remote: Remote, tmp_path: Path) -> None:
    """The Hub says 404 of a file that it listed a moment ago: its numbers come all the same."""
    run = record(tmp_path / "here")
    send(tmp_path / "here", run, remote, *PIECES)
    listed = remote.list
    listings: list[str] = []

    def list_then_merge(prefix: str) -> list[Entry]:
        found = listed(prefix)
        if not listings:
            listings.append(prefix)
            merge(remote)
        return found

    remote.list = list_then_merge  # type: ignore[method-assign]
    pull(remote, tmp_path / "there")
    assert is_whole(tmp_path / "there", run)


def test_a_second_pull_only_lists(any_hub: Hub, tmp_path: Path) -> None:
    """From the command line: not a single file is read again."""
    environ = {**os.environ, **any_hub.env(), "OTEL_TRACKIO_DIR": str(tmp_path / "here")}

    def cli(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "otel_trackio", *words]
        done = subprocess.run(command, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done

    record(tmp_path / "here")
    cli("sync", "--all", "--to", "hf://datasets/metrics")
    cli("pull", "hf://datasets/metrics", "--dir", str(tmp_path / "there"))
    any_hub.forget()
    cli("pull", "hf://datasets/metrics", "--dir", str(tmp_path / "there"))
    assert any_hub.requests("/resolve/") == []
    environ["OTEL_TRACKIO_DATASET_ID"] = "metrics"
    assert "finished" in cli("remote", "ls").stdout
    assert f"{STEPS} points of 1 run: all is well" in cli("remote", "verify").stdout
    cli("rm", "--yes", "--remote", "run")
    assert "1 deleted run not shown" in cli("remote", "ls").stderr

"""What a run says of its sync, to who has no token, no remote, or no network."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from otel_trackio import Api
from otel_trackio.hub import HubDataset
from otel_trackio.lag import destinations
from otel_trackio.pull import pull
from tests.fakes.hub import Hub

pytestmark = pytest.mark.xdist_group("hub")

TRAINING = """
import sys
import otel_trackio
with otel_trackio.init("p", "job", **eval(sys.argv[1])) as run:
    for step in range(3):
        run.log({"x": step})
"""


def said(hub: Hub, dir: Path, arguments: str = "{}", **env: str) -> list[str]:
    """The lines that a run says, in a shell whose variables are those of `env` too."""
    environ = {**os.environ, **hub.env(), "OTEL_TRACKIO_DIR": str(dir), **env}
    command = [sys.executable, "-c", TRAINING, arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()


def follow(hub: Hub, dir: Path, line: str) -> list[int]:
    """Does what the last line says, with a token: the values that have arrived then."""
    _, command = line.split(": otel-trackio ")
    environ = {**os.environ, **hub.env(), "OTEL_TRACKIO_DIR": str(dir)}
    words = [sys.executable, "-m", "otel_trackio", *shlex.split(command)]
    subprocess.run(words, env=environ, check=True, capture_output=True)
    pull(HubDataset("alice/metrics", hub.token(), hub.endpoint), dir / "there")
    return [int(x) for x in Api(dir / "there").run("p/job").history("x")["value"]]


def test_a_run_that_syncs_says_where_to(any_hub: Hub, tmp_path: Path) -> None:
    """In three lines at its start, and one at its end."""
    lines = said(any_hub, tmp_path, "{'dataset_id': 'metrics'}")
    assert len(lines) == 4
    assert "syncing to hf://datasets/metrics" in lines[2]
    assert lines[3] == "otel-trackio: finished p/job: 3 points, all of it synced"


@pytest.mark.parametrize("name", ["metrics", "alice/metrics"])
@pytest.mark.parametrize("resume", ["never", "allow"])
def test_without_a_token(name: str, resume: str, any_hub: Hub, tmp_path: Path) -> None:
    """It is recorded here, and said once what is missing and how to sync later, which works."""
    lines = said(any_hub, tmp_path, repr({"dataset_id": name, "resume": resume}), HF_TOKEN="")
    [told] = [line for line in lines if "cannot write" in line]
    assert "there is no token; make a token with write access to" in told
    assert "HF_TOKEN or `hf auth login`" in told
    assert f"`otel-trackio sync --to hf://datasets/{name}` sends them later" in told
    assert "values and events wait to be synced: otel-trackio sync" in lines[-1]
    assert follow(any_hub, tmp_path, lines[-1]) == [0, 1, 2]
    assert [each.state.error for each in destinations(tmp_path)] == [""]


def test_offline(any_hub: Hub, tmp_path: Path) -> None:
    """A run that was told to stay here says at its end how to sync it, which works."""
    arguments = {"dataset_id": "metrics", "mode": "offline", "dir": str(tmp_path / "d i r")}
    lines = said(any_hub, tmp_path, repr(arguments))
    assert len(lines) == 4
    assert not [line for line in lines[:3] if "sync" in line]
    assert "to sync it later: otel-trackio sync" in lines[-1]
    assert any_hub.requests() == []
    assert follow(any_hub, tmp_path, lines[-1]) == [0, 1, 2]


def test_a_job_is_told_what_to_add(any_hub: Hub, tmp_path: Path) -> None:
    """Before it starts, where its runs would go away with its machine; and not otherwise."""
    [told] = [
        line
        for line in said(any_hub, tmp_path, JOB_ID="1", ACCELERATOR="none")
        if "goes away" in line
    ]
    for word in ('dataset_id="NAME"', "OTEL_TRACKIO_DATASET_ID", "`--secrets HF_TOKEN`"):
        assert word in told
    for quiet in ("{'dataset_id': 'metrics'}", "{'mode': 'offline'}", "{'mode': 'disabled'}"):
        assert "goes away" not in str(
            said(any_hub, tmp_path, quiet, JOB_ID="1", ACCELERATOR="none")
        )


def test_a_job_without_a_token(any_hub: Hub, tmp_path: Path) -> None:
    """It is told to be given one as jobs are given secrets."""
    lines = said(
        any_hub, tmp_path, "{'dataset_id': 'metrics'}", JOB_ID="1", ACCELERATOR="none", HF_TOKEN=""
    )
    assert "give it to the job by `--secrets HF_TOKEN`" in str(lines)

"""A job goes on, on a machine that has never seen it, with what the Hub holds of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from otel_trackio import Api
from otel_trackio.errors import RemoteUnavailable
from otel_trackio.pull import pull
from otel_trackio.remoterun import RemoteRuns
from tests.contract import places
from tests.contract.places import ON_THE_HUB, Place

pytestmark = pytest.mark.xdist_group("hub")

SETTING = {"bucket": "OTEL_TRACKIO_BUCKET_ID"}

FIRST = """
import otel_trackio
with otel_trackio.init("p", "job", config={"lr": 0.1}) as run:
    for step in range(100):
        run.log({"x": step})
print(run.id)
"""

AGAIN = """
import sys
import otel_trackio
how = {"id": sys.argv[2]} if sys.argv[1] == "id" else {"name": "job"}
with otel_trackio.init("p", resume=sys.argv[3], **how) as run:
    run.log({"x": -1})
    run.log({"x": -2}, step=50)
print(run.id, run.attempt, run.config.get("lr"))
"""


@pytest.fixture(params=ON_THE_HUB)
def place(request: pytest.FixtureRequest) -> Place:
    return places.place(request.param, request)


@pytest.fixture
def dataset(request: pytest.FixtureRequest) -> Place:
    """For what has nothing to do with how files are uploaded."""
    return places.place("regular", request)


def python(place: Place, dir: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **place.there.env(), "OTEL_TRACKIO_DIR": str(dir), **env}
    environ[SETTING.get(place.kind, "OTEL_TRACKIO_DATASET_ID")] = "metrics"
    return subprocess.run(
        [sys.executable, *words], env=environ, capture_output=True, text=True, timeout=100
    )


def trained(place: Place, dir: Path) -> str:
    """The id of a run that is on the Hub."""
    done = python(place, dir, "-c", FIRST)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_job_goes_on_elsewhere(place: Place, tmp_path: Path) -> None:
    """By id or name, as the next attempt after its last step; who pulls it has one run of all."""
    run_id = trained(place, tmp_path / "a")
    for attempt, how in ((2, "id"), (3, "name")):
        place.there.forget()
        again = python(place, tmp_path / how, "-c", AGAIN, how, run_id, "must")
        assert again.stdout == f"{run_id} {attempt} 0.1\n", again.stderr
        assert len(place.there.requests("whoami")) == 1
    pull(place.remote(), tmp_path / "c")
    [run] = Api(tmp_path / "c").runs()
    history = run.history("x")
    assert history["step"].tolist() == list(range(102))
    assert history["value"].tolist() == [*range(50), -2, *range(51, 100), -1, -1]
    assert run.standing().attempts == {0: 3}


def test_a_hub_that_is_down(dataset: Place, tmp_path: Path) -> None:
    """Who must go on is told why that cannot be; who may goes on, told once, without a trace."""
    run_id = trained(dataset, tmp_path / "a")
    dataset.there.fault("/api/datasets/alice/metrics", status=503, times=None)
    must = python(dataset, tmp_path / "b", "-c", AGAIN, "id", run_id, "must")
    assert must.returncode == 1
    said = must.stderr.splitlines()[-1]
    assert "the run is not known here, and cannot read hf://datasets/alice/metrics: 503" in said
    allow = python(dataset, tmp_path / "d", "-c", AGAIN, "id", run_id, "allow")
    assert allow.stdout == f"{run_id} 1 None\n", allow.stderr
    assert allow.stderr.count("the run is recorded as a new one") == 1
    assert "Traceback" not in allow.stderr


def test_a_hub_that_is_silent(dataset: Place, tmp_path: Path) -> None:
    """However many runs it has, nobody waits longer than so many seconds for what they are."""
    run_id = trained(dataset, tmp_path / "a")
    dataset.there.fault("/resolve/", "hang", seconds=5, times=None)
    questions: list[Callable[[RemoteRuns], object]] = [
        lambda runs: runs.by_id(run_id),
        lambda runs: runs.named("p", "job"),
    ]
    for ask in questions:
        began = time.monotonic()
        with pytest.raises(RemoteUnavailable, match=r"cannot read hf://\S+: not done within 0.5 s"):
            ask(RemoteRuns(dataset.remote(), seconds=0.5))
        assert time.monotonic() - began < 4


def test_a_new_run_asks_for_nothing(dataset: Place, tmp_path: Path) -> None:
    """Without `resume` the Hub is not read before the first sync."""
    run_id = trained(dataset, tmp_path / "a")
    dataset.there.forget()
    again = python(dataset, tmp_path / "b", "-c", AGAIN, "id", run_id, "never")
    assert again.stdout == f"{run_id} 1 None\n", again.stderr
    assert dataset.there.requests("GET .*(/resolve/|/tree/)") == []

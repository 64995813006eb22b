"""A job on a machine that goes away: its runs reach the Hub, and come back from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from otel_trackio import Api
from tests.fakes.hub import Hub

pytestmark = pytest.mark.xdist_group("hub")

TRAINING = """
import otel_trackio
with otel_trackio.init("p", "job", dataset_id="metrics", config={"lr": 0.1}) as run:
    for step in range(500):
        run.log({"loss": 1 / (step + 1), "odd": float("nan") if step % 2 else 2**70})
"""


def run(hub: Hub, dir: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **hub.env(), "OTEL_TRACKIO_DIR": str(dir)}
    return subprocess.run([sys.executable, *command], env=environ, capture_output=True, text=True)


def test_a_job_leaves_its_run_on_the_hub(hub: Hub, tmp_path: Path) -> None:
    """Recorded here, the machine thrown away, pulled there: the same run, by the token's user."""
    trained = run(hub, tmp_path / "job", "-c", TRAINING)
    assert trained.returncode == 0, trained.stderr
    pulled = run(
        hub, tmp_path / "home", "-m", "otel_trackio", "pull", "hf://datasets/alice/metrics"
    )
    assert pulled.returncode == 0, pulled.stderr
    here, there = (Api(tmp_path / name).run("p/job") for name in ("job", "home"))
    assert there.facts() == here.facts()
    assert there.standing().points == here.standing().points == 1000 + 1
    for key in ("loss", "odd"):
        assert repr(there.history(key)["value"]) == repr(here.history(key)["value"])

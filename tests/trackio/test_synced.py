"""`trackio.sync` and `freeze`, with the stand-in for the Hub."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_trackio import Api
from tests.fakes.hub import Hub
from tests.trackio.conftest import ROOT, points, python

PULL = "import sys; from otel_trackio.cli import main; main(['pull', sys.argv[1]])"
SCRIPT = Path(__file__).parent / "scripts" / "synced.py"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


@pytest.mark.timeout(300)
def test_projects_are_synced_to_where_a_space_reads_them(hub: Hub, tmp_path: Path) -> None:
    """All runs of it, and one that is being recorded until its end; a freeze only what is meant."""
    env = {**os.environ, **hub.env(), "PYTHONPATH": str(ROOT)}
    told = python(SCRIPT, env).stderr
    assert "alice/static is not made: alice/frozen-data keeps what was logged" in told

    def pulled(place: str) -> dict[str, list[tuple[int, float]]]:
        folder = tmp_path / place.replace("/", "-")
        python(PULL, {**env, "OTEL_TRACKIO_DIR": str(folder)}, place)
        return {run.name: points(run, "loss") for run in Api(folder).runs()}

    assert pulled("hf://datasets/alice/later-data") == {
        "one": [(1, 0.5)],
        "two": [(1, 0.5)],
        "live": [(2, 0.25), (3, 0.125)],
    }
    assert pulled("hf://datasets/alice/frozen-data") == {"meant": [(1, 0.5)]}
    assert pulled("hf://buckets/alice/bucket") == {"other": [(1, 0.5)]}

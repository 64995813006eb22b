"""What is made on the Hub is private unless its user says otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from otel_trackio.bucket import HubBucket
from otel_trackio.card import card
from otel_trackio.hub import HubDataset
from tests.contract.visitor import Visitor
from tests.fakes.hub import Hub

pytestmark = pytest.mark.xdist_group("hub")

TRAINING = """
import sys
import otel_trackio
with otel_trackio.init("p", "job", **{sys.argv[1]: "alice/metrics"}, **eval(sys.argv[2])) as run:
    run.log({"x": 1})
"""


def python(hub: Hub, dir: Path, *words: str, **env: str) -> None:
    environ = {**os.environ, **hub.env(), "OTEL_TRACKIO_DIR": str(dir), **env}
    done = subprocess.run([sys.executable, *words], env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def is_private(one: Visitor, place: str) -> bool:
    if place == "bucket_id":
        return bool(one.api().bucket_info("alice/metrics").private)
    return bool(one.api().dataset_info("alice/metrics").private)


@pytest.mark.parametrize("place", ["dataset_id", "bucket_id"])
@pytest.mark.parametrize(
    ("argument", "variable", "private"),
    [("{}", "", True), ("{}", "0", False), ("{'private': False}", "", False)],
)
def test_a_run_makes_it_private(
    place: str, argument: str, variable: str, private: bool, one: Visitor, tmp_path: Path
) -> None:
    """Unless `init(private=False)` or OTEL_TRACKIO_PRIVATE=0."""
    python(one.hub, tmp_path, "-c", TRAINING, place, argument, OTEL_TRACKIO_PRIVATE=variable)
    assert is_private(one, place) == private


@pytest.mark.parametrize("place", ["dataset_id", "bucket_id"])
def test_what_exists_stays_as_it_is(place: str, one: Visitor, tmp_path: Path) -> None:
    """A run that asks for a public place opens no private one to everybody."""
    remote = (HubBucket if place == "bucket_id" else HubDataset)(
        "alice/metrics", one.hub.token(), one.hub.endpoint
    )
    remote.prepare(card)
    python(one.hub, tmp_path, "-c", TRAINING, place, "{'private': False}")
    assert is_private(one, place)


@pytest.mark.parametrize("public", [(), ("--public",)])
def test_the_command_line_makes_it_private(
    public: tuple[str, ...], one: Visitor, tmp_path: Path
) -> None:
    """`sync` too, unless it is called with --public."""
    python(one.hub, tmp_path, "-c", "import otel_trackio; otel_trackio.init('p').finish()")
    command = ("-m", "otel_trackio", "sync", "--all", "--to", "hf://datasets/alice/metrics")
    python(one.hub, tmp_path, *command, *public)
    assert is_private(one, "dataset_id") == (not public)

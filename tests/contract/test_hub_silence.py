"""A remote on the Hub ends every call in time, and lets its process end, whatever the Hub does."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from huggingface_hub import HfApi

from otel_trackio.errors import RemoteUnavailable
from tests.contract import places
from tests.contract.places import NAME, ON_THE_HUB, PATHS, Place, held, some
from tests.fakes.hub import Hub

pytestmark = pytest.mark.xdist_group("hub")


@pytest.fixture(scope="module")
def hubs() -> Iterator[dict[str, Hub]]:
    """Their own: what was left behind in one test may still ask for something in the next."""
    with ExitStack() as stack:
        yield {mode: stack.enter_context(Hub(mode)) for mode in ("regular", "lfs", "xet")}


@pytest.fixture(params=ON_THE_HUB)
def place(request: pytest.FixtureRequest) -> Place:
    return places.place(request.param, request)


@pytest.fixture(params=("lfs", "xet"))
def threaded(request: pytest.FixtureRequest) -> Place:
    """For what the client's threads of either way of uploading could spoil."""
    return places.place(request.param, request)


STEPS = {
    "regular": ("/paths-info/", "/preupload/", "/commit/", "/revision/|/tree/", "/resolve/"),
    "lfs": ("/objects/batch", "PUT|/lfs-storage/", "/verify"),
    "xet": ("/xet-write-token/", "/xorbs/", "/shards"),
    "bucket": ("/paths-info", "/xet-write-token", "/xorbs/", "/batch", "/tree", "/resolve/"),
}


@pytest.mark.parametrize(
    ("kind", "match"), [(kind, match) for kind, steps in STEPS.items() for match in steps]
)
def test_no_call_takes_longer_than_it_may(
    kind: str, match: str, request: pytest.FixtureRequest
) -> None:
    """Wherever the Hub falls silent; and when it speaks again everything goes on."""
    place = places.place(kind, request)
    remote = place.prepared()
    place.there.fault(match, "hang", seconds=3, times=None)  # What is left behind ends with it.
    remote.timeout = 0.3
    with pytest.raises(RemoteUnavailable, match=r"no answer within 0.3 s; see whether \S+ answers"):
        remote.commit(place.local(some(0)), [PATHS[1]], "points")
        remote.list("")
        remote.read("README.md")
    place.there.end_faults()
    remote.timeout = 60.0
    remote.commit(place.local(some(0)), [PATHS[1]], "points")
    assert held(remote) == some(0)


@pytest.mark.parametrize("kind", ["regular", "bucket"])
def test_what_was_given_up_commits_no_more(kind: str, request: pytest.FixtureRequest) -> None:
    """Its next request is not made, even if the answer for which it waited comes after all."""
    place = places.place(kind, request)
    remote = place.prepared()
    place.there.fault("/preupload/|/xet-write-token", "delay", seconds=0.4)
    remote.timeout = 0.2
    with pytest.raises(RemoteUnavailable):
        remote.commit(place.local(some(0)), (), "points")
    time.sleep(0.6)
    assert place.commits() == 0


def test_the_users_own_calls_are_not_bound(request: pytest.FixtureRequest) -> None:
    """They share the client's session, and take what time they need."""
    place = places.place("regular", request)
    remote = place.prepared()
    remote.timeout = 0.2
    remote.list("")
    place.there.fault("/api/datasets/", "delay", seconds=0.5)
    api = HfApi(place.there.endpoint, place.there.token())
    assert api.dataset_info(NAME).private


# A process of its own

PROLOGUE = """
import atexit, os, sys
from pathlib import Path
import otel_trackio
from otel_trackio.bucket import HubBucket
from otel_trackio.errors import RemoteUnavailable
from otel_trackio.hub import HubDataset

assert "huggingface_hub" not in sys.modules
remote = (HubBucket if sys.argv[1] == "bucket" else HubDataset)("metrics")
files = {f"data/{path.name}": path for path in sorted(Path(sys.argv[2]).iterdir())}
remote.prepare(lambda url: b"# Card")
"""


def run(place: Place, script: str) -> str:
    """What a script prints, errors included, which finds out from the environment who it is."""
    # Python 3.12 warns of every fork beside threads.
    quiet = {"PYTHONWARNINGS": "ignore:This process:DeprecationWarning"}
    environment = {"PATH": "/usr/bin:/bin", **quiet, **place.there.env()}
    del environment["HF_HUB_DISABLE_PROGRESS_BARS"]
    done = subprocess.run(
        [sys.executable, "-c", PROLOGUE + script, place.kind, str(place.files)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout + done.stderr


def test_the_environment_is_enough(place: Place) -> None:
    """HF_ENDPOINT and HF_TOKEN say all; nothing is printed; a forked child can go on."""
    place.local(some(0, 1, 2))
    script = """
for _ in range(2):
    remote.commit(files, (), "points")
if not os.fork():
    remote.commit({"data/child": Path(sys.executable)}, (), "points")
    print(len(remote.list("data")), flush=True)
    os._exit(0)
os.wait()
"""
    assert run(place, script) == "4\n"


def test_the_last_commit_is_made_at_exit(threaded: Place) -> None:
    """When the interpreter ends and starts no more threads, several files still arrive."""
    threaded.local(some(0, 1, 2))
    assert run(threaded, "atexit.register(remote.commit, files, (), 'points')") == ""
    assert len(threaded.remote().list("data")) == 3


def test_a_process_ends_although_a_call_does_not(threaded: Place) -> None:
    """What was left behind holds nobody back, whatever it waits for."""
    threaded.local(some(0, 1, 2))
    threaded.there.fault("/lfs-storage/|/xorbs/", "hang", seconds=3600, times=None)
    script = """
remote.timeout = 0.5
try:
    remote.commit(files, (), "points")
except RemoteUnavailable:
    print("left")
"""
    assert run(threaded, script) == "left\n"

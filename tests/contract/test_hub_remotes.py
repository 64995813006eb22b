"""What a remote on the Hub asks of it, and what it says when the Hub refuses or fails."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from otel_trackio.bucket import HubBucket
from otel_trackio.errors import ConfigError, RemoteError, RemoteRefused, RemoteUnavailable
from otel_trackio.hub import HubDataset
from tests.contract import places
from tests.contract.places import (
    ABSENT,
    CARD,
    CONTENTS,
    NAME,
    ON_THE_HUB,
    PATHS,
    Place,
    held,
    plain_card,
    some,
)

pytestmark = pytest.mark.xdist_group("hub")

CHANGE = "/commit/|/api/buckets/.*/batch$"
"""The requests by which files appear and disappear."""


@pytest.fixture(params=ON_THE_HUB)
def place(request: pytest.FixtureRequest) -> Place:
    return places.place(request.param, request)


@pytest.fixture(params=("regular", "bucket"))
def either(request: pytest.FixtureRequest) -> Place:
    """For what has nothing to do with how files are uploaded."""
    return places.place(request.param, request)


@pytest.fixture
def dataset(request: pytest.FixtureRequest) -> Place:
    return places.place("regular", request)


# How it asks


def test_contents_are_sent_once(place: Place) -> None:
    """Inline, by LFS or by xet, as the Hub wants it, however often they are committed."""
    remote = place.prepared()
    for _ in range(2):
        remote.commit(place.local(some(0)), (), "points")
    ways = {"regular": "POST .*/commit/", "lfs": "PUT /lfs", "xet": "POST /xet/.*/xorbs/"}
    sizes = {way: sum(e.received for e in place.there.requests(ways[way])) for way in ways}
    assert [way for way in ways if sizes[way] >= 40_000] == [place.there.mode]
    assert sum(each.received for each in place.there.requests()) < 80_000


def test_many_files_are_one_commit(place: Place) -> None:
    """The Hub counts commits: there is one for many files, and none for what is there already."""
    remote = place.prepared()
    remote.commit(place.local(CONTENTS), (), "points")
    assert place.commits() == 1
    nothing: list[tuple[dict[str, bytes], list[str]]] = [(CONTENTS, []), ({}, [ABSENT]), ({}, [])]
    for add, delete in nothing:
        remote.commit(place.local(add), delete, "nothing new")
    assert place.commits() == 1


def test_all_may_prepare_at_once(place: Place) -> None:
    """Of several that find nothing, each ends with the place made and one card."""
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda _: place.remote().prepare(plain_card), range(3)))
    assert place.remote().read("README.md") == CARD


def test_it_is_private(either: Place) -> None:
    """Others do not find it, unless it was asked to be public."""
    either.prepared()
    either.remote(name="alice/open", private=False).prepare(plain_card)
    assert either.remote("bob").list("") == []
    assert either.remote("bob", name="alice/open").list("") != []


def test_a_card_without_the_right_to_create(either: Place) -> None:
    """Who may only write to what is there can prepare it."""
    either.prepared()
    either.there.fault("/api/repos/create|POST /api/buckets/[^/]+/[^/]+$", status=403)
    either.prepared()


def test_a_bare_name_is_the_users(either: Place) -> None:
    """Who that is, is asked once a process, and known as soon as the place is prepared."""
    for _ in range(2):
        remote = either.remote("erin", name="metrics")
        assert remote.url.endswith("s/metrics")
        remote.prepare(plain_card)
        assert remote.url.endswith("s/erin/metrics")
    remote.commit(either.local(some(0)), (), "points")
    assert len(either.there.requests("whoami")) == 1
    assert held(either.remote("erin", name="erin/metrics")) == some(0)


@pytest.mark.parametrize("kind", [HubDataset, HubBucket])
def test_a_name_must_be_one(kind: Callable[[str], object]) -> None:
    """What cannot be a name on the Hub is refused before anything is asked."""
    for name in ("", "a/b/c", "https://huggingface.co/datasets/a/b", "a b"):
        with pytest.raises(ConfigError, match="give USER/NAME"):
            kind(name)


def test_deletions_are_checked_in_parts(either: Place) -> None:
    """Of very many paths those that are there are found, and deleted."""
    remote = either.prepared()
    remote.commit(either.local(some(0, 1)), (), "points")
    remote.commit({}, [*(f"data/{n}" for n in range(1200)), PATHS[1]], "delete")
    assert held(remote) == some(0)


# When it fails


def test_a_lost_acknowledgement(place: Place) -> None:
    """A commit that landed although it seemed to fail is there once when it is repeated."""
    remote = place.prepared()
    remote.commit(place.local(some(0)), (), "points")
    place.there.fault(CHANGE, "drop_after")
    for _ in range(2):
        with suppress(RemoteUnavailable):  # A bucket's client tries again by itself.
            remote.commit(place.local(some(1, 2)), [PATHS[0]], "merge")
        assert held(remote) == some(1, 2)
    before = place.commits()
    remote.commit(place.local(some(1, 2)), [PATHS[0]], "merge")
    assert place.commits() == before


@pytest.mark.parametrize("action", ["drop_before", "drop_after"])
def test_a_broken_connection_may_be_tried_again(dataset: Place, action: str) -> None:
    """Whether the commit has landed or not."""
    remote = dataset.prepared()
    dataset.there.fault(CHANGE, action)
    with pytest.raises(RemoteUnavailable) as error:
        remote.commit(dataset.local(some(0)), (), "points")
    assert "can be reached from here" in error.value.hint
    remote.commit(dataset.local(some(0)), (), "points")
    assert held(remote) == some(0)


PROGRAM_THAT_SYNCS = """
import otel_trackio
with otel_trackio.init("digits", dataset_id="metrics") as run:
    run.log({"loss": 1.0})
"""


def test_the_client_has_files_of_its_own(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Where they cannot be written, as in many a container, it is said how to put them elsewhere;
    nothing is lost."""
    there = places.place("xet", request).there
    environment = {**os.environ, **there.env(), "OTEL_TRACKIO_DIR": str(tmp_path)}
    del environment["HF_XET_CACHE"]
    said = []
    for home in (os.devnull, str(tmp_path)):
        command = [sys.executable, "-c", PROGRAM_THAT_SYNCS]
        program = subprocess.run(
            command, env={**environment, "HF_HOME": home}, capture_output=True, text=True
        )
        assert program.returncode == 0, program.stderr
        said.append(program.stderr)
    assert "set HF_HOME to a folder that may be written" in said[0]
    assert "wait to be synced" in said[0]
    assert "all of it synced" in said[1]


REFUSALS = {
    401: "the token is not valid: make a token with write access to alice/metrics at https://",
    402: "upgrade the plan of alice",
    403: "make a token with write access to alice/metrics .* it needs to write repositories of al",
    404: "check the name; where it is private, make a token",
    413: "pip install hf_xet",
}


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_says_what_helps(place: Place, status: int) -> None:
    """Which token, repository or plan; that nothing is lost meanwhile; and it can go on later."""
    remote = place.prepared()
    place.there.fault(CHANGE, status=status, message="so it is")
    with pytest.raises(RemoteRefused) as error:
        remote.commit(place.local(some(0)), (), "points")
    assert re.match(f"cannot write to hf://.*s/{NAME}: {status} .*so it is", error.value.message)
    assert re.search(REFUSALS[status], error.value.hint)
    later = rf" and `otel-trackio sync --to hf://\S+s/{NAME}` sends them later\Z"
    assert re.search(later, error.value.hint)
    remote.commit(place.local(some(0)), (), "points")
    assert held(remote) == some(0)


@pytest.mark.parametrize("status", [409, 412, 429, 500, 503])
def test_what_passes_may_be_tried_again(dataset: Place, status: int) -> None:
    """And the error says after how many seconds, where the Hub does."""
    remote = dataset.prepared()
    dataset.there.fault(CHANGE, status=status)
    with pytest.raises(RemoteUnavailable, match="try again") as error:
        remote.commit(dataset.local(some(0)), (), "points")
    assert getattr(error.value, "retry_after", None) == (1.0 if status == 429 else None)
    remote.commit(dataset.local(some(0)), (), "points")
    assert held(remote) == some(0)


@pytest.mark.parametrize(
    ("status", "message", "headers", "seconds"),
    [
        (403, "Too many concurrent pushes", {}, None),
        (400, "LFS pointer pointed to a file that does not exist: 12", {}, None),
        (429, "slow down", {"RateLimit": '"api";r=0;t=55', "Retry-After": ""}, 55.0),
    ],
)
def test_what_passes_by_its_words(
    dataset: Place, status: int, message: str, headers: dict[str, str], seconds: float | None
) -> None:
    """A burst of commits, or one too soon after its upload, is refused only for the moment."""
    remote = dataset.prepared()
    dataset.there.fault(CHANGE, status=status, message=message, headers=headers)
    with pytest.raises(RemoteUnavailable) as error:
        remote.commit(dataset.local(some(0)), (), "points")
    assert getattr(error.value, "retry_after", None) == seconds


@pytest.mark.parametrize("kind", ["xet", "bucket"])
def test_a_refusal_by_words(kind: str, request: pytest.FixtureRequest) -> None:
    """The client's xet library tells only in words what the Hub says, and what its store says."""
    place = places.place(kind, request)
    remote = place.prepared()
    place.there.fault("/xet-write-token", status=403)
    with pytest.raises(RemoteRefused, match=r"403 Forbidden.*write access"):
        remote.commit(place.local(some(0)), (), "points")
    place.there.fault("/xorbs/", status=403)
    with pytest.raises(RemoteUnavailable, match=r"403 Forbidden.*something blocks it here"):
        remote.commit(place.local(some(0)), (), "points")
    remote.commit(place.local(some(0)), (), "points")
    assert held(remote) == some(0)


def test_reading_without_the_right(either: Place) -> None:
    """A reader is told of reading, and not how to sync later."""
    remote = either.prepared()
    either.there.fault("/resolve/", status=403)
    with pytest.raises(
        RemoteRefused, match=r"cannot read .*/README.md: .* with read access"
    ) as error:
        remote.read("README.md")
    assert "sync" not in error.value.hint
    either.there.fault("/tree|/revision/|/api/datasets/[^/]+/[^/]+$", status=401)
    with pytest.raises(RemoteRefused, match="the token is not valid"):
        remote.list("")


def test_without_a_token(either: Place) -> None:
    """Who is not logged in is told how; who may only read, what is missing."""
    either.prepared()
    for given in ({"token": None}, {"token": None, "name": "metrics"}):
        with pytest.raises(
            RemoteRefused, match=r"there is no token; make a token with .* to HF_TOKEN or `hf auth"
        ):
            either.remote(**given).prepare(plain_card)
    with pytest.raises(RemoteRefused, match="a token with write access to alice/metrics"):
        either.remote(scope="read").commit(either.local(some(0)), (), "points")


def test_a_hub_that_is_not_there(either: Place) -> None:
    """Whoever cannot be reached may be reached later."""
    remote = either.make(NAME, either.there.token(), "http://127.0.0.1:9")
    remote.timeout = 0.5
    with pytest.raises(RemoteUnavailable, match=r"see whether http://127\.0\.0\.1:9 "):
        remote.commit(either.local(some(0)), (), "points")


# Secrets


def told(fail: Callable[[], object]) -> str:
    """All that is known of an error, and of those that led to it."""
    with pytest.raises(RemoteError) as error:
        fail()
    return repr(error.value) + "".join(traceback.format_exception(error.value))


def test_no_token_is_told(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """Not in logs, not in addresses, not by errors and what led to them."""
    caplog.set_level(logging.DEBUG)
    remote = place.prepared()
    words = [repr(remote), remote.url]
    for status in (401, 403, 404, 413):
        place.there.fault(CHANGE, status=status)
        words.append(told(lambda: remote.commit(place.local(some(0)), (), "points")))
    remote.commit(place.local(some(0)), (), "points")
    unknown = "hf_" + "x" * 34
    words.append(told(lambda: place.remote(token=unknown).prepare(plain_card)))
    words += [caplog.text, *(each.path for each in place.there.requests())]
    assert not [text for text in words if place.there.token() in text or unknown in text]


def test_no_token_is_quoted(either: Place) -> None:
    """Not even where the Hub says it, or what it says would only be found out by sending it."""
    token = either.there.token()
    remote = either.prepared()
    either.there.fault(CHANGE, status=403, message=f"no {token}, no")
    assert token not in told(lambda: remote.commit(either.local(some(0)), (), "points"))
    for bad in ("hf_ca nary", "hf_ca\nnary", "hf_c\u00e4nary"):
        words = told(partial(either.remote(token=bad).prepare, plain_card))
        assert "hf auth login" in words
        assert bad not in words
        assert "nary" not in words

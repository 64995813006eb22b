"""Following a remote: the page shows a copy of it that is brought up to date while one looks."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import otel_trackio
from otel_trackio.errors import RemoteUnavailable
from otel_trackio.holding import holdings
from otel_trackio.hub import HubDataset
from otel_trackio.pull import pull
from otel_trackio.remote import Entry, Folder
from otel_trackio_space import follow
from otel_trackio_space.follow import Follow, copy_of
from tests.fakes.hub import Hub
from tests.fakes.watched import STEPS, Watched, everything, is_whole, live, losses, record
from tests.space.browser.dashboard import Dashboard
from tests.space.serving import client_of, failure, until


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies lie in the test's own folder."""
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "here"


@pytest.fixture
def remote(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "remote")


Following = Callable[..., Follow]


@pytest.fixture
def following(tmp_path: Path) -> Iterator[Following]:
    """`following(remote)` follows it; it ends with the test."""
    begun: list[Follow] = []

    def start(remote: Any, **given: Any) -> Follow:
        begun.append(Follow(remote, **given))
        begun[-1].start()
        return begun[-1]

    yield start
    for each in begun:
        each.close()


@contextmanager
def shown(url: str, *options: str, **env: str) -> Iterator[httpx.Client]:
    """A dashboard on a remote."""
    dashboard = Dashboard(Path("/"), "--remote", url, *options, env=env)
    with dashboard, client_of(dashboard) as client:
        yield client


def about(client: httpx.Client) -> Any:
    return client.get("/api/about").json()


def runs(client: httpx.Client, project: str = "p") -> Any:
    found = client.get("/api/runs", params={"project": project}).json()["runs"]
    return {each["name"]: each for each in found}


def test_images_of_the_remote_are_shown(here: Path, remote: Watched) -> None:
    """Whatever stands in a record that has come is there to be seen, too."""
    with otel_trackio.init("p", "pictured", dir=here, mode="offline") as run:
        run.log({"i": otel_trackio.Image(np.full((4, 4), 7, np.uint8))}, 3)
    everything(here, remote)
    with shown(remote.url) as client:
        until(lambda: "pictured" in runs(client))
        asked = client.get(f"/api/runs/{run.id}/records", params={"kind": "image"}).json()
        name = asked["records"][0]["data"]["file"]["name"]
        answer = client.get(f"/api/runs/{run.id}/files/{name}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")


def test_what_the_remote_has_is_shown(here: Path, remote: Watched) -> None:
    """Runs come while the page is open; /api/about says of when they are."""
    run = record(here, "one")
    everything(here, remote)
    with shown(remote.url) as client:
        until(lambda: "one" in runs(client))
        known = until(lambda: about(client)["follow"]["synced"] and about(client))
        assert known["remote"] == known["follow"]["remote"] == remote.url
        assert abs(time.time() * 1e3 - known["follow"]["synced"]) < 60_000
        asked = {"project": "p", "keys": ["loss"]}
        until(lambda: client.post("/api/series", json=asked).json()["charts"]["loss"]["curves"])
        assert runs(client)["one"]["id"] == run.id


def test_what_is_here_is_shown_at_once(here: Path, remote: Watched, tmp_path: Path) -> None:
    """Also where the remote is gone; the page says how old it is, and what is wrong."""
    record(here, "one")
    everything(here, remote)
    with shown(remote.url) as client:
        until(lambda: about(client)["follow"]["synced"])
        before = about(client)["follow"]["synced"]
    remote.root.rename(tmp_path / "gone")
    with shown(remote.url) as client:
        assert "one" in runs(client)
        wrong = until(lambda: about(client)["follow"]["error"] and about(client)["follow"])
        assert wrong["synced"] == pytest.approx(before)
        assert wrong["error"] == f"no runs in {remote.url}"
        assert wrong["hint"] == "check its name, and that you may read what is there"


def test_the_copy_is_its_users_alone(here: Path, remote: Watched, following: Following) -> None:
    """In the cache of that user, a folder a remote."""
    record(here)
    everything(here, remote)
    followed = following(remote)
    until(lambda: followed.standing.synced)
    assert followed.dir == copy_of(remote.url)
    assert followed.dir != copy_of(f"{remote.url}2")
    assert Path(os.environ["XDG_CACHE_HOME"]) in followed.dir.parents
    assert stat.S_IMODE(followed.dir.stat().st_mode) == 0o700
    secret = [path for path in followed.dir.rglob("*.db") if path.stat().st_mode & 0o077]
    assert all(path.parent.stat().st_mode & 0o077 == 0 for path in secret)


def test_nothing_is_read_twice(here: Path, remote: Watched, following: Following) -> None:
    """Nor listed in detail where nothing is new; what comes is read alone."""
    record(here, "one")
    everything(here, remote)
    followed = following(remote)
    until(lambda: followed.standing.synced)
    first = list(remote.reads)
    synced = followed.standing.synced
    followed.soon()
    until(lambda: followed.standing.synced != synced)
    assert remote.reads == first
    two = record(here, "two")
    everything(here, remote)
    followed.soon()
    until(lambda: len(remote.reads) > len(first) and not followed.standing.busy)
    until(lambda: is_whole(followed.dir, two))
    assert len(set(remote.reads)) == len(remote.reads)


def test_a_run_that_goes_on_comes_in_turns(
    here: Path, remote: Watched, following: Following
) -> None:
    """Its new points, when it has synced them."""
    run = live(here, remote)
    try:
        followed = following(remote)
        until(lambda: followed.standing.synced)
        assert otel_trackio.Api(followed.dir).run(run.id).state == "running"
        run.log({"x": 2})
        assert run.sync_now(60)
        followed.soon()
        stored = otel_trackio.Api(followed.dir).run(run.id)
        until(lambda: stored.history("x")["value"].tolist() == [1, 2])
    finally:
        run.finish()


class Counting(Watched):
    """`listings` is how often it was listed."""

    listings = 0

    def list(self, prefix: str) -> list[Entry]:
        self.listings += 1
        return super().list(prefix)


def test_nobody_looks_nothing_is_asked(
    here: Path, tmp_path: Path, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks again is brought up to date at once."""
    monkeypatch.setattr(follow, "LOOKING_SECONDS", 0.2)
    monkeypatch.setattr(follow, "SOONEST", 0.01)
    monkeypatch.setattr(follow, "LATEST", 0.01)
    remote = Counting(tmp_path / "remote")
    record(here)
    everything(here, remote)
    followed = following(remote)
    until(lambda: followed.standing.synced)
    monkeypatch.setattr(follow, "LATEST", 3600.0)
    until(lambda: followed.idle)
    asked = remote.listings
    synced = followed.standing.synced
    followed.looked()
    until(lambda: followed.standing.synced != synced)
    assert remote.listings > asked


def test_a_remote_that_fails_is_asked_less_and_less(
    here: Path, remote: Watched, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says what helps, and forgets it when it works again."""
    record(here)
    everything(here, remote)
    broken = True

    class Failing(Watched):
        def list(self, prefix: str) -> list[Entry]:
            if broken:
                raise RemoteUnavailable("the remote is away", "wait", retry_after=0.01)
            return super().list(prefix)

    monkeypatch.setattr(follow, "SOONEST", 0.01)
    followed = following(Failing(remote.root))
    until(lambda: followed.standing.error)
    assert (followed.standing.error, followed.standing.hint) == ("the remote is away", "wait")
    until(lambda: followed.wait > 0.1)
    broken = False
    until(lambda: followed.standing.synced)
    assert followed.standing.error == ""
    assert followed.wait <= follow.LATEST


def test_whatever_goes_wrong_following_goes_on(
    here: Path, remote: Watched, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nobody thought of it: the page says so, and it is tried again."""
    record(here)
    everything(here, remote)
    broken = True

    class Odd(Watched):
        def list(self, prefix: str) -> list[Entry]:
            if broken:
                raise ZeroDivisionError("nobody thought of it")
            return super().list(prefix)

    monkeypatch.setattr(follow, "SOONEST", 0.01)
    followed = following(Odd(remote.root))
    until(lambda: "nobody thought of it" in followed.standing.error)
    broken = False
    until(lambda: followed.standing.synced)
    assert followed.standing.error == ""


def test_a_copy_that_has_no_place_is_told(remote: Watched, tmp_path: Path) -> None:
    """With where to put it."""
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(otel_trackio.OtelTrackioError, match="set XDG_CACHE_HOME"):
        Follow(remote)


def test_an_edit_goes_to_the_remote(here: Path, remote: Watched, tmp_path: Path) -> None:
    """The copy has it from there, and so has everybody who pulls."""
    run, other = record(here, "one"), record(here, "two")
    everything(here, remote)
    with shown(remote.url) as client:
        until(lambda: runs(client).keys() == {"one", "two"})
        until(lambda: not about(client)["follow"].get("busy"))
        named = client.post(f"/api/runs/{run.id}/name", json={"name": "mine"}).json()
        assert named["name"] == "mine"
        assert client.post(f"/api/runs/{run.id}/tags", json={"add": ["t"]}).json()["tags"] == ["t"]
        assert client.delete(f"/api/runs/{other.id}").status_code == 204
        until(lambda: runs(client).keys() == {"mine"})
    found = {each.id: each for each in holdings(remote)}
    assert (found[run.id].facts.name, found[run.id].facts.tags) == ("mine", ("t",))
    assert found[other.id].facts.deleted
    elsewhere = tmp_path / "elsewhere"
    pull(Folder(remote.root), elsewhere)
    assert [each.name for each in otel_trackio.Api(elsewhere).runs()] == ["mine"]
    assert is_whole(elsewhere, run)


def test_a_live_run_is_deleted_there_by_force_alone(here: Path, remote: Watched) -> None:
    """As here."""
    run = live(here, remote)
    try:
        with shown(remote.url) as client:
            until(lambda: "live" in runs(client))
            assert failure(client.delete(f"/api/runs/{run.id}"))[0] == 409
            answer = client.delete(f"/api/runs/{run.id}", params={"force": True})
            assert answer.status_code == 204
            assert runs(client) == {}
    finally:
        run.finish()


def test_a_remote_that_refuses_an_edit_keeps_what_it_has(
    here: Path, hub: Hub, tmp_path: Path
) -> None:
    """With a token that may only read, the page says so, and shows what the remote has."""
    run = record(here, "one")
    url = "hf://datasets/alice/metrics"
    everything(here, HubDataset("alice/metrics", hub.token("alice"), hub.endpoint))
    with shown(url, **hub.env("alice", "read")) as client:
        until(lambda: "one" in runs(client))
        answer = client.post(f"/api/runs/{run.id}/name", json={"name": "mine"})
        assert failure(answer)[0] == 403
        assert answer.json()["hint"]
        assert failure(client.delete(f"/api/runs/{run.id}"))[0] == 403
        assert runs(client).keys() == {"one"}
    with shown(url, **hub.env("alice")) as client:
        assert runs(client).keys() == {"one"}
        answer = client.post(f"/api/runs/{run.id}/name", json={"name": "mine"})
        assert answer.json()["name"] == "mine"
    [copy] = (tmp_path / "cache").glob("**/runs")
    assert losses(copy.parent, run) == [1 / (step + 1) for step in range(STEPS)]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub("regular") as found:
        yield found


def test_a_dataset_that_is_not_there_is_told(hub: Hub) -> None:
    """With what helps; the page is alive, and has nothing to show."""
    with shown("hf://datasets/alice/nothing", **hub.env()) as client:
        wrong = until(lambda: about(client)["follow"]["error"] and about(client)["follow"])
        assert wrong["error"] == "no runs in hf://datasets/alice/nothing"
        assert wrong["hint"]
        assert client.get("/api/projects").json()["projects"] == []
        token = next(value for name, value in hub.env().items() if name == "HF_TOKEN")
        assert token not in client.get("/api/about").text


def threads(name: str) -> int:
    return sum(each.name == name for each in threading.enumerate())


def test_a_server_stops_in_the_middle_of_a_pull(
    here: Path, remote: Watched, following: Following
) -> None:
    """What has come stays, and the rest comes the next time."""
    for name in ("one", "two", "three"):
        record(here, name)
    everything(here, remote)
    first = Follow(remote)
    remote.meanwhile = first.close  # From within the pull: it cannot wait for itself.
    first.start()
    until(lambda: threads("otel-trackio pull") == 0)
    assert (first.standing.error, first.standing.synced) == ("", None)
    followed = following(Watched(remote.root))
    until(lambda: followed.standing.synced)
    assert len(otel_trackio.Api(followed.dir).runs()) == 3


def test_two_servers_share_a_copy(here: Path, remote: Watched, following: Following) -> None:
    """One brings it up to date, both show it and know of when it is."""
    record(here)
    everything(here, remote)
    one, two = following(remote), following(Watched(remote.root))
    until(lambda: one.standing.synced)
    assert one.standing.synced == two.standing.synced
    assert one.dir == two.dir

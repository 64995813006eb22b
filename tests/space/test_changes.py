"""What happens to runs is told at once to those who listen, and costs nothing while it does not."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

import otel_trackio
from otel_trackio_space.changes import MAX_STREAMS, Changes
from otel_trackio_space.shelf import Shelf, Shown
from tests.bench.data import Shape, store
from tests.e2e.puppet import Puppet
from tests.space.asking import aside
from tests.space.browser.dashboard import PATIENCE, Dashboard
from tests.space.listening import Event, Listening
from tests.space.serving import client_of, served, until

opened: Final[list[str]] = []
"""Every database that this process has opened."""


def witness(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "sqlite3.connect":
        opened.append(str(arguments[0]))


sys.addaudithook(witness)


@pytest.fixture(scope="module")
def dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("changes")


@pytest.fixture(scope="module")
def client(dir: Path) -> Iterator[httpx.Client]:
    with served(dir) as found:
        yield found


@pytest.fixture
def trainee(dir: Path) -> Iterator[Puppet]:
    """A process that records, and never stores by itself what it has logged."""
    puppet = Puppet(env={"OTEL_TRACKIO_DIR": str(dir), "OTEL_TRACKIO_INTERVAL": "3600"})
    yield puppet
    puppet.close()


def names(run_id: str) -> Any:
    def naming(event: Event) -> bool:
        return run_id in event.data["runs"]

    return naming


def is_last(client: httpx.Client, run_id: str, step: int) -> bool:
    values = client.get("/api/values", params={"project": "live", "keys": "loss"}).json()
    return bool(values["values"][run_id].get("loss", {}).get("last_step") == step)


def test_a_point_is_told_as_soon_as_it_is_logged(client: httpx.Client, trainee: Puppet) -> None:
    """Even while it stands in the journal alone; and it is in every answer then."""
    run_id = trainee.init("live")
    with Listening(client, project="live") as stream:
        for step in range(3):
            trainee.log(step, step + 1)
            told = stream.until(names(run_id))[-1]
            until(partial(is_last, client, run_id, step))
            assert int(told.id) == told.data["version"]
    trainee.finish()


def test_only_who_asked_for_a_project_hears_of_it(client: httpx.Client, dir: Path) -> None:
    """A page is told of its own project; without one, of all."""
    with Listening(client, project="mine") as mine, Listening(client) as every:
        for project in ("theirs", "mine"):
            with otel_trackio.init(project, dir=dir) as run:
                run.log({"loss": 1}, 0)
        heard = mine.until(names(run.id))
        every.until(names(run.id))
    ids = {each for event in heard for each in event.data["runs"]}
    assert ids == {run.id}


def test_structure_is_what_lists_show(client: httpx.Client, trainee: Puppet) -> None:
    """It is told when runs or metrics come or go, and not for points."""
    with Listening(client, project="structure") as stream:
        run_id = trainee.init("structure")
        assert stream.until(lambda event: event.data["structure"])
        trainee.log(0, 1)
        stream.until(lambda event: event.data["structure"] and names(run_id)(event))
        trainee.log(1, 2)
        (told,) = stream.until(names(run_id))
        assert not told.data["structure"]
        trainee.do("metrics", {"more": 1.0}, 2)
        assert stream.until(names(run_id))[-1].data["structure"]
        trainee.finish()
        stream.until(names(run_id))
        shelf = Shelf(dir_of(client))
        shelf.look().run(run_id).run.delete()
        shelf.close()
        assert stream.until(lambda event: event.data["structure"])[-1].data["runs"] == []


def dir_of(client: httpx.Client) -> Path:
    return Path(client.get("/api/about").json()["dir"])


def test_a_killed_run_turns_to_crashed(client: httpx.Client, trainee: Puppet) -> None:
    """The page is told, though nothing was written: its process is not there any more."""
    run_id = trainee.init("killed")
    trainee.log(0, 3)
    with Listening(client, project="killed") as stream:
        until(lambda: state(client, "killed") == "running")
        stream.pending()
        trainee.kill()
        stream.until(names(run_id))
        until(lambda: state(client, "killed") == "crashed")


def state(client: httpx.Client, project: str) -> str:
    runs = client.get("/api/runs", params={"project": project}).json()["runs"]
    return str(runs[0]["state"]) if runs else ""


def test_who_comes_again_is_told_what_was_missed(client: httpx.Client, dir: Path) -> None:
    """By the id of the last event, or a version: also of what happened while nobody listened."""
    with otel_trackio.init("missed", dir=dir) as first:
        first.log({"loss": 1}, 0)
    version = client.get("/api/runs", params={"project": "missed"}).json()["version"]
    with otel_trackio.init("missed", dir=dir) as second:
        second.log({"loss": 1}, 0)
    for asked in ({"since": version}, {"headers": {"last-event-id": str(version)}}):
        with Listening(client, project="missed", **asked) as stream:
            told = stream.until(names(second.id))
        assert first.id not in {run_id for event in told for run_id in event.data["runs"]}
    with Listening(client, project="missed", since=0) as stream:
        assert stream.until(names(first.id))[0].data["structure"]


def test_streams_are_bounded(dir: Path) -> None:
    """One page too many is refused, the others live on, and a place that is left is free."""
    with Dashboard(dir) as dashboard, client_of(dashboard) as client, ExitStack() as pages:
        streams = [pages.enter_context(connected(dashboard)) for _ in range(MAX_STREAMS)]
        assert all(listen(each) == 200 for each in streams)
        answer = client.get("/api/stream")
        assert (answer.status_code, answer.json()["hint"]) == (503, "close some of them")
        assert client.get("/api/projects").status_code == 200
        streams[0].close()
        until(lambda: listen(pages.enter_context(connected(dashboard))) == 200)


def connected(dashboard: Dashboard) -> socket.socket:
    return socket.create_connection(("127.0.0.1", dashboard.port), PATIENCE)


def listen(connection: socket.socket) -> int:
    """Asks for a stream; the status of the answer."""
    connection.sendall(b"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return int(connection.recv(100).split()[1])


def test_an_open_page_keeps_no_server_from_stopping(dir: Path) -> None:
    """Its stream ends, and the process with it."""
    with Dashboard(dir) as dashboard, client_of(dashboard) as client, Listening(client) as stream:
        before = time.monotonic()
        assert dashboard.stop() == 0
        until(lambda: stream.ended)
        # Three seconds is what is promised; this machine may be busy.
        assert time.monotonic() - before < 15


def test_signs_of_life_are_no_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that logs nothing has its file written to, and nobody is told."""
    monkeypatch.setenv("OTEL_TRACKIO_HEARTBEAT", "0.05")
    monkeypatch.setenv("OTEL_TRACKIO_INTERVAL", "0.05")
    with otel_trackio.init("quiet", dir=tmp_path) as run:
        run.log({"loss": 1}, 0)
        shelf = Shelf(tmp_path)
        entry = until(lambda: shelf.look().runs.get(run.id))
        assert entry is not None
        version = shelf.look().version
        until(lambda: shelf.look().run(run.id).standing.ended > entry.standing.ended + 10**9)
        assert shelf.shown.version == version
        run.log({"loss": 2}, 1)
        assert shelf.look().version > version
        shelf.close()


def test_looking_at_what_is_quiet_opens_no_file(tmp_path: Path) -> None:
    """Of runs that have ended and of a live one that logs nothing no database is touched."""
    for number in range(20):
        store(tmp_path, f"run-{number}", Shape(2, 50))
    puppet = Puppet(env={"OTEL_TRACKIO_DIR": str(tmp_path), "OTEL_TRACKIO_INTERVAL": "3600"})
    try:
        puppet.init("live")
        puppet.log(0, 10)
        shelf = Shelf(tmp_path)
        shelf.look()
        opened.clear()
        versions = {shelf.look().version for _ in range(50)}
        assert len(versions) == 1
        assert [path for path in opened if str(tmp_path) in path] == []
        shelf.close()
    finally:
        puppet.close()


class Counting(Shelf):
    """Counts how often somebody looked."""

    looks = 0

    def look(self) -> Shown:
        self.looks += 1
        return super().look()


def test_nobody_looks_while_nobody_listens(tmp_path: Path) -> None:
    """The files are looked at from the first listener on, and not after the last has gone."""

    async def listen() -> None:
        shelf = Counting(tmp_path)
        changes = Changes(shelf)
        assert shelf.looks == 0
        with changes.place():
            while shelf.looks < 2:
                await asyncio.sleep(0.01)
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.01)
        assert shelf.looks < 5
        changes.close()
        shelf.close()

    aside(listen())


class Failing(Shelf):
    """Fails once somehow."""

    failed = False

    def look(self) -> Shown:
        if not self.failed:
            self.failed = True
            raise ZeroDivisionError("nobody thought of it")
        return super().look()


def test_a_look_that_fails_ends_no_stream(tmp_path: Path) -> None:
    """Whatever it was, the next look tells what is new."""
    store(tmp_path, "run", Shape(1, 10))

    async def listen() -> None:
        shelf = Failing(tmp_path)
        changes = Changes(shelf)
        with changes.place():
            async for change in changes.follow(None, None):
                assert change is not None
                assert change.runs == ("run",)
                break
        assert shelf.failed
        changes.close()
        shelf.close()

    aside(listen())


def test_a_version_that_is_not_ours_yet_tells_of_everything(tmp_path: Path) -> None:
    """It is of a server whose clock was ahead: nobody waits until ours has come as far."""
    store(tmp_path, "run", Shape(1, 10))

    async def listen() -> None:
        shelf = Shelf(tmp_path)
        changes = Changes(shelf)
        async for change in changes.follow(None, shelf.look().version + 10**9):
            assert change is not None
            assert change.runs == ("run",)
            break
        changes.close()
        shelf.close()

    aside(listen())


def test_versions_grow_from_one_server_to_the_next(tmp_path: Path) -> None:
    """A page that outlives a server is told of everything by the next."""
    store(tmp_path, "run", Shape(1, 10))
    first = Shelf(tmp_path)
    version = first.look().version
    first.close()
    time.sleep(0.002)  # Versions begin with the ms of the start.
    second = Shelf(tmp_path)
    change = second.look().since(version, "bench")
    assert change.runs == ("run",)
    assert change.structure
    second.close()


def test_many_threads_look_at_once(tmp_path: Path) -> None:
    """Whoever looks, reads and changes runs at the same time, every answer is whole."""
    store(tmp_path, "run", Shape(3, 500))
    shelf = Shelf(tmp_path)

    def work(number: int) -> int:
        for _ in range(20):
            entry = shelf.look().run("run")
            with shelf.sources(entry):
                assert len(entry.run.history("train/metric_0")["value"]) == 500
            if number == 0:
                entry.run.tag([f"tag-{number}"])
        return shelf.look().run("run").standing.points

    async def together() -> list[int]:
        return await asyncio.gather(*(asyncio.to_thread(work, number) for number in range(8)))

    assert aside(together()) == [1_500] * 8
    shelf.close()

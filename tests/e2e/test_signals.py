"""A job that is told to go away: what it recorded is safe, and it ends as it would without us."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
from uv import find_uv_bin

from otel_trackio import Api
from otel_trackio.errors import RemoteRefused
from otel_trackio.pull import pull
from otel_trackio.remote import Folder
from otel_trackio.storedrun import StoredRun
from tests.e2e.worker import PATIENCE, Worker
from tests.e2e.workers.terminated import STEPS
from tests.fakes.hub import Hub

KILLED: Final = -signal.SIGTERM
FIRST_PROCESS: Final = ("unshare", "--pid", "--fork", "--mount-proc")


class Job:
    """A scene of `terminated`, and what its remote knows of its run, or else the disk."""

    def __init__(
        self, worker: Worker, there: Path, fetch: Callable[[Path], object] | None = None
    ) -> None:
        """`fetch` brings what lies at the remote to a folder, for which `there` is a free place."""
        self.worker = worker
        self._there = there
        self._fetch = fetch

    def begun(self) -> Job:
        self.worker.hears("ready")
        return self

    def go_on(self) -> Job:
        assert self.worker.process.stdin is not None
        self.worker.process.stdin.write("\n")
        self.worker.process.stdin.flush()
        return self

    def tell(self, number: int = signal.SIGTERM) -> Job:
        self.worker.process.send_signal(number)
        return self

    def end(self) -> int:
        """Tells it to go away once it has begun; returns its exit status."""
        self.begun().tell()
        return self.worker.wait()

    def runs(self) -> list[StoredRun]:
        if self._fetch is None:
            return Api().runs()
        shutil.rmtree(self._there, ignore_errors=True)
        self._fetch(self._there)
        return Api(self._there).runs()

    def points(self) -> int:
        """How many have arrived."""
        try:
            return sum(run.standing().points for run in self.runs())
        except RemoteRefused:
            return 0

    def check(self, state: str = "failed", error: str | None = "SIGTERM") -> StoredRun:
        """All that was logged before the signal has arrived, and how the run ended."""
        run = self.runs()[-1]
        loss = run.history("loss", all=True)
        steps = loss["step"].tolist()
        assert steps == list(range(max(len(steps), STEPS)))
        assert loss["value"].tolist() == [step / 7 for step in steps]
        assert run.standing().state == state
        with run.sources() as sources:
            events = [event for each in sources for event in each.reader.events()]
        assert [e for e in events if e.kind == "state"][-1].data.get("error") == error
        return run


@pytest.fixture
def job(start: Callable[..., Worker], tmp_path: Path) -> Callable[..., Job]:
    """`job(scene)` starts a scene that syncs to a folder."""

    def starting(scene: str, *arguments: object, **options: Any) -> Job:
        remote = Folder(tmp_path / "remote")
        env = {"OTEL_TRACKIO_REMOTE": remote.url}
        worker = start("terminated", scene, *arguments, piped=True, env=env, **options)
        return Job(worker, tmp_path / "there", partial(pull, remote))

    return starting


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


@pytest.fixture
def hub_job(start: Callable[..., Worker], hub: Hub, tmp_path: Path) -> Callable[..., Job]:
    """`hub_job(scene)` starts a scene that syncs to `hub`."""

    def starting(scene: str) -> Job:
        env = {**hub.env(), "OTEL_TRACKIO_DATASET_ID": "alice/metrics"}

        def fetch(there: Path) -> None:
            command = ["pull", "hf://datasets/alice/metrics", "--dir", str(there)]
            command = [sys.executable, "-m", "otel_trackio", *command]
            subprocess.run(command, env={**os.environ, **env}, check=True, capture_output=True)

        worker = start("terminated", scene, piped=True, env=env)
        return Job(worker, tmp_path / "there", fetch)

    return starting


def wait_for(asked: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not asked():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("scene", ["loop", "sleeping", "c_call", "greedy_c_call", "asyncio_plain"])
def test_the_last_points_arrive(scene: str, job: Callable[..., Job]) -> None:
    """Whatever Python is in the middle of, C calls included, and SIGTERM ends it after all.

    A C call that lets no other thread run puts that off until it returns.
    """
    told = job(scene)
    assert told.end() == KILLED
    told.check()


@pytest.mark.parametrize("mode", ["sleeping", "c_call"])
def test_the_last_points_reach_the_hub(mode: str, hub_job: Callable[..., Job]) -> None:
    """A Dataset, by the real client."""
    told = hub_job(mode)
    assert told.end() == KILLED
    told.check()


def test_without_a_remote(start: Callable[..., Worker], tmp_path: Path) -> None:
    """Everything is stored, what instruments measured just before included."""
    worker = start("terminated", "instrument", piped=True, env={"OTEL_TRACKIO_INTERVAL": "3600"})
    told = Job(worker, tmp_path)
    assert told.end() == KILLED
    assert told.check().history("gauge", all=True)["value"].tolist() == [42.0, 43.0]


def slow(hub: Hub) -> None:
    """From now on commits take a moment, and none has been made yet."""
    hub.fault("/commit/", "delay", seconds=0.5, times=None)
    hub.forget()


def await_sync(hub: Hub) -> None:
    wait_for(lambda: hub.requests("/preupload/"))


def test_again_and_again(hub_job: Callable[..., Job], hub: Hub) -> None:
    """Further signals, from a launcher and a terminal, change nothing while the flush goes on."""
    told = hub_job("sleeping").begun()
    slow(hub)
    for _ in range(20):
        told.tell()
        time.sleep(0.02)
    assert told.worker.wait() == KILLED
    told.check()


def test_in_the_middle_of_a_sync(hub_job: Callable[..., Job], hub: Hub) -> None:
    """A commit that is under way is awaited, and followed by what came after it."""
    slow(hub)
    told = hub_job("syncing")
    await_sync(hub)
    assert told.go_on().end() == KILLED
    told.check()


@pytest.mark.parametrize("scene", ["finishing", "ending"])
def test_in_the_middle_of_the_end(scene: str, hub_job: Callable[..., Job], hub: Hub) -> None:
    """A run that is being finished, by `finish` or at exit, is finished first."""
    told = hub_job(scene).begun()
    slow(hub)
    told.go_on()
    await_sync(hub)
    # At exit the process may be faster than the signal, as it ends by itself then.
    assert told.tell().worker.wait() in ((KILLED,) if scene == "finishing" else (KILLED, 0))
    told.check("finished", None)


def test_the_program_ends_meanwhile(hub_job: Callable[..., Job], hub: Hub) -> None:
    """What ends during the flush has been ended by SIGTERM all the same."""
    told = hub_job("ending").begun()
    slow(hub)
    told.tell()
    await_sync(hub)
    assert told.go_on().worker.wait() == KILLED
    told.check()


def test_a_hub_that_is_silent(hub_job: Callable[..., Job], hub: Hub, tmp_path: Path) -> None:
    """It is not waited for beyond a few seconds; what it did not get is on the disk."""
    told = hub_job("sleeping").begun()
    hub.fault("", "hang", seconds=3600, times=None)
    began = time.monotonic()
    assert told.tell().worker.wait() == KILLED
    assert time.monotonic() - began < PATIENCE / 2
    hub.end_faults()
    Job(told.worker, tmp_path).check()


def test_under_uv(job: Callable[..., Job]) -> None:
    """`uv run` passes the signal on and waits; its status is a shell's for SIGTERM."""
    options = ["--no-project", "--no-config", "--offline", "--python", sys.executable]
    told = job("sleeping", prefix=[find_uv_bin(), "run", *options, "--"])
    assert told.end() == 128 + signal.SIGTERM
    told.check()


@pytest.mark.needs_root
@pytest.mark.parametrize("scene", ["sleeping", "c_call"])
def test_as_the_first_process(scene: str, job: Callable[..., Job]) -> None:
    """In a container, where the kernel lets SIGTERM end nobody, we do."""
    told = job(scene, prefix=FIRST_PROCESS).begun()
    (first,) = psutil.Process(told.worker.process.pid).children()
    first.terminate()
    assert told.worker.wait() == 128 + signal.SIGTERM
    told.check()


@pytest.mark.needs_root
def test_as_the_first_process_without_a_run(job: Callable[..., Job]) -> None:
    """There a finished run leaves things as they are: SIGTERM has no effect."""
    told = job("finished", prefix=FIRST_PROCESS).begun()
    (first,) = psutil.Process(told.worker.process.pid).children()
    first.terminate()
    assert told.go_on().worker.wait() == 0
    told.check("finished", None)


def test_a_finished_run(job: Callable[..., Job]) -> None:
    """When no run is active any more SIGTERM does what it does by default."""
    told = job("finished")
    assert told.end() == KILLED
    told.check("finished", None)


@pytest.mark.parametrize("scene", ["existing_handler", "later_handler", "one_shot_handler"])
def test_a_handler_of_the_applications_own(
    scene: str, job: Callable[..., Job], size: Callable[[int, int], int]
) -> None:
    """It decides, and is never cut short: a checkpoint of 20 s is saved. The points don't wait."""
    told = job(scene, size(3, 20)).begun().tell()
    told.worker.hears("working")
    wait_for(lambda: told.points() >= STEPS)
    told.go_on().worker.hears("done")
    assert told.worker.wait() == 7
    told.check("finished", None)


def test_a_handler_that_leaves_a_note(
    job: Callable[..., Job], size: Callable[[int, int], int]
) -> None:
    """As the Trainer's, which saves later, in the loop: the run goes on to its own good end."""
    told = job("flagging_handler", size(3, 20)).begun().tell()
    told.worker.hears("working")
    wait_for(lambda: told.points() >= STEPS)
    told.go_on().worker.hears("done")
    assert told.worker.wait() == 0
    told.check("finished", None)


@pytest.mark.parametrize("scene", ["chaining_handler", "chaining_first"])
def test_a_handler_that_calls_ours(
    scene: str, job: Callable[..., Job], size: Callable[[int, int], int]
) -> None:
    """Before its work or after it: the work is done, then comes what SIGTERM does by default."""
    told = job(scene, size(3, 20)).begun().tell()
    told.worker.hears("working")
    told.go_on().worker.hears("done")
    assert told.worker.wait() == KILLED
    told.check()


def test_an_ignored_signal(job: Callable[..., Job]) -> None:
    """It stays ignored."""
    told = job("ignored").begun().tell()
    assert told.go_on().worker.wait() == 0
    told.check("finished", None)


def test_a_handler_in_c(job: Callable[..., Job], tmp_path: Path) -> None:
    """Of which Python does not know stays where it is."""
    said = tmp_path / "said"
    told = job("handled_by_c", said).begun().tell()
    wait_for(lambda: "in handled_by_c" in said.read_text())
    assert told.go_on().worker.wait() == 0
    told.check("finished", None)


def test_a_run_from_another_thread(job: Callable[..., Job]) -> None:
    """Where only the main thread could handle signals nothing is handled, and nothing is said."""
    told = job("elsewhere")
    assert told.end() == KILLED


def test_ctrl_c(job: Callable[..., Job]) -> None:
    """SIGINT is the program's: KeyboardInterrupt is raised, and ends it as ever."""
    told = job("interrupted").begun().tell(signal.SIGINT)
    told.worker.hears("interrupted")
    told.worker.hears("cleaned up")
    assert told.worker.wait() == -signal.SIGINT
    told.check("failed", "KeyboardInterrupt: ")


@pytest.mark.parametrize("scene", ["forked_workers", "forked_with_handler", "forked_run"])
def test_forked_workers(scene: str, job: Callable[..., Job]) -> None:
    """SIGTERM ends a forked child at once, or its own run; its parent's run goes on."""
    told = job(scene).begun().go_on()
    assert told.worker.wait() == 0
    runs = {run.facts().project: run for run in told.runs()}
    assert runs["terminated"].standing().state == "finished"
    assert runs["terminated"].standing().points >= STEPS
    if scene == "forked_run":
        assert runs["child"].standing().state == "failed"
        assert runs["child"].history("loss")["value"].tolist() == [1.0]


@pytest.mark.parametrize("scene", ["asyncio_before", "asyncio_after"])
def test_an_event_loop_with_handlers(scene: str, job: Callable[..., Job]) -> None:
    """A loop that handles signals, set before the run began or after, learns of each of them."""
    told = job(scene).begun().tell(signal.SIGUSR1)
    told.worker.hears("used")
    told.tell()
    assert told.worker.wait() == 0
    told.check("finished", None)


def test_after_an_event_loop_with_handlers(job: Callable[..., Job]) -> None:
    """A loop's end takes our handler away; the next run has one again."""
    told = job("asyncio_over")
    assert told.end() == KILLED
    told.check()

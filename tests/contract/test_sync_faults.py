"""A Hub that hangs, refuses or vanishes costs training nothing, and loses nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from otel_trackio import Api
from otel_trackio.hub import HubDataset
from otel_trackio.pull import pull
from tests.fakes.hub import Hub

PATIENCE: Final = 60.0
"""Seconds after which what is waited for counts as not happening."""

TRAINING = """
import sys, threading
from dataclasses import replace
from itertools import count
from otel_trackio import hubplace, opening

# What takes minutes takes less than a second.
quick = replace(opening.REMOTE, first=0.1, early=0.3, forward=0.1, urgent=0.1, longest=0.5)
vars(opening)["REMOTE"], vars(hubplace)["TIMEOUT_SECONDS"] = quick, float(sys.argv[1])

import otel_trackio
run = otel_trackio.init("p", "job", dataset_id="alice/metrics")
told = threading.Event()
threading.Thread(target=lambda: told.set() if sys.stdin.readline() else None, daemon=True).start()
for step in count():
    run.log({"loss": 1 / (step + 1), "odd": float("nan") if step % 2 else 2**70}, step)
    if told.wait(0.005):
        break
run.finish(timeout=float(sys.argv[2]))
print(step)
"""
ONCE = "cannot sync"
"""How a line begins that tells of a sync that failed."""


class Training:
    """A process that logs until it is told to end, and syncs meanwhile."""

    def __init__(self, hub: Hub, dir: Path, timeout: float = 60.0, patience: float = 60.0) -> None:
        self.dir = dir
        self.errors = dir / "stderr"
        dir.mkdir()
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", TRAINING, str(timeout), str(patience)],
                env={**os.environ, **hub.env(), "OTEL_TRACKIO_DIR": str(dir / "runs")},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def said(self, pattern: str = "") -> list[str]:
        """The lines that it has printed to stderr."""
        return [line for line in self.errors.read_text().splitlines() if re.search(pattern, line)]

    def tells(self, pattern: str) -> None:
        """Waits for a line of stderr."""
        until(lambda: bool(self.said(pattern)))

    def ends(self) -> int:
        """Tells it to end, and returns how many steps it has logged; all was well with it."""
        steps, _ = self.process.communicate("end\n", timeout=PATIENCE)
        assert self.process.returncode == 0
        assert self.said() == self.said(f"^(otel-trackio: |{ONCE})")
        return int(steps) + 1

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


Start = Callable[..., Training]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def running() -> Iterator[Hub]:
    with Hub("xet") as hub:
        yield hub


@pytest.fixture
def hub(running: Hub) -> Iterator[Hub]:
    """One of these tests' own: it is stopped, and left hanging."""
    running.reset()
    yield running
    running.restart()


@pytest.fixture
def start(hub: Hub, tmp_path: Path) -> Iterator[Start]:
    made: list[Training] = []

    def starting(**options: float) -> Training:
        made.append(Training(hub, tmp_path / f"job{len(made)}", **options))
        return made[-1]

    yield starting
    for each in made:
        each.close()


def commits(hub: Hub) -> int:
    made = hub.requests("POST .*/commit/")
    return sum(each.status == 200 for each in made)


def synced_later(hub: Hub, training: Training) -> None:
    """What the last line of a run that could not be synced says to do, done."""
    [line] = training.said("wait to be synced: otel-trackio sync")
    words = line.partition(": otel-trackio ")[2].split()
    environ = {**os.environ, **hub.env(), "OTEL_TRACKIO_DIR": str(training.dir / "runs")}
    command = [sys.executable, "-m", "otel_trackio", *words]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def check_arrived(hub: Hub, training: Training, steps: int) -> None:
    """On the Hub is all that was logged, once, with the times of when it was."""
    there = training.dir / "there"
    pull(HubDataset("alice/metrics", hub.token(), hub.endpoint), there)
    with (
        closing(Api(training.dir / "runs").run("p/job")) as here,
        closing(Api(there).run("p/job")) as back,
    ):
        for key in ("loss", "odd"):
            ours, theirs = here.history(key, all=True), back.history(key, all=True)
            assert ours["step"].tolist() == list(range(steps))
            for name in ("step", "time", "value"):
                assert repr(ours[name].tolist()) == repr(theirs[name].tolist())


REFUSALS = {
    401: (
        "/api/",
        "token is not valid.*write access to alice/metrics.*HF_TOKEN or `hf auth login`",
    ),
    402: ("/commit/", "make room, or upgrade the plan of alice"),
    403: ("/api/", "write access to alice/metrics.*if fine-grained.*write repositories of alice"),
    404: ("/api/", "check the name; where it is private.*write access to alice/metrics"),
    413: ("/commit/", "pip install hf_xet"),
    429: ("/commit/", "try again in 1 s"),
    500: ("/commit/", r"status\.huggingface\.co says what is down"),
    503: ("/api/", r"status\.huggingface\.co says what is down"),
}
"""By the status: which requests get it, and what helps."""


@pytest.mark.parametrize("status", REFUSALS)
def test_a_hub_that_refuses_is_told_of_once(status: int, hub: Hub, start: Start) -> None:
    """In words that help. Training goes on, and when the Hub takes it, all arrives by itself."""
    match, remedy = REFUSALS[status]
    hub.fault(match, status=status, times=None)
    training = start()
    training.tells(f"{ONCE}.*{status}")
    refused = len(hub.requests(match))
    until(lambda: len(hub.requests(match)) > refused)  # It has tried again, and kept silent.
    hub.end_faults()
    until(lambda: commits(hub) >= 2)
    steps = training.ends()
    [line] = training.said(ONCE)
    assert "hf://datasets/alice/metrics" in line
    assert re.search(remedy, line)
    assert not training.said("wait to be synced")
    check_arrived(hub, training, steps)


@pytest.mark.parametrize("action", ["hang", "drop_before"])
def test_a_hub_that_does_not_answer_is_told_of_once(action: str, hub: Hub, start: Start) -> None:
    """Training goes on meanwhile, and when the Hub answers, all arrives by itself."""
    hub.fault("/api/", action, seconds=20 if action == "hang" else 0, times=None)
    training = start(timeout=3.0)
    training.tells(ONCE)
    hub.end_faults()
    until(lambda: commits(hub) >= 2)
    steps = training.ends()
    [line] = training.said(ONCE)
    assert re.search(f"see whether {hub.endpoint} (answers|can be reached)", line)
    check_arrived(hub, training, steps)


def test_a_hub_that_vanishes_is_waited_for(hub: Hub, start: Start) -> None:
    """It was there, it goes, training goes on; it comes back, and all arrives by itself."""
    training = start(timeout=4.0)
    until(lambda: commits(hub) >= 2)
    hub.kill()
    training.tells(f"{ONCE}.*see whether {hub.endpoint} ")
    hub.start()
    before = commits(hub)
    until(lambda: commits(hub) > before)
    steps = training.ends()
    assert len(training.said(ONCE)) == 1
    check_arrived(hub, training, steps)


@pytest.mark.parametrize("fault", ["hang", "refused", "vanished"])
def test_training_ends_in_time_whatever_the_hub_does(fault: str, hub: Hub, start: Start) -> None:
    """`finish(timeout=)` says how to sync what is left, and doing that later brings all of it."""
    if fault == "hang":
        hub.fault("", "hang", seconds=3600, times=None)
    elif fault == "refused":
        hub.fault("", status=403, times=None)
    training = start(timeout=4.0, patience=1.0)
    if fault == "vanished":
        until(lambda: commits(hub) >= 2)
        hub.kill()
    if fault == "hang":
        until(lambda: bool(hub.requests()))
    else:
        training.tells(ONCE)
    steps = training.ends()
    hub.restart()
    synced_later(hub, training)
    check_arrived(hub, training, steps)

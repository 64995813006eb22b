"""Threads, forks, spawned children and ranks: nothing is lost, nothing twice, one run is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pytest

import otel_trackio
from otel_trackio import layout
from otel_trackio.storedrun import StoredRun
from tests.e2e.directory import recover
from tests.e2e.pipe import Pipe
from tests.e2e.worker import Worker
from tests.e2e.workers.family import BUSY_CHILDREN, CALLS, CHILDREN, STRIDE

Start = Callable[..., Worker]
EAGER = {"OTEL_TRACKIO_INTERVAL": "0.01"}


def play(start: Start, scene: str) -> list[StoredRun]:
    """The runs that a scene of `family` leaves."""
    assert start("family", scene, env=EAGER).wait() == 0
    return otel_trackio.Api().runs()


def check_family(run: StoredRun, numbers: Iterable[int], ranks: bool = False) -> None:
    """What each of these processes logged is in the run: once, in order, exact."""
    with run.sources():
        steps: list[int] = []
        for number in numbers:
            own = run.history(f"child/{number}", all=True)
            assert own["value"].tolist() == list(range(CALLS))
            assert own["step"].tolist() == [number * STRIDE + call for call in range(CALLS)]
            steps += own["step"].tolist()
        shared = run.history("shared", all=True, rank="all" if ranks else None)
        assert sorted(shared["step"].tolist()) == sorted(steps)
        assert shared["value"].tolist() == [step / 7 for step in shared["step"].tolist()]
        whose = shared["step"] // STRIDE
        for number in numbers:
            assert np.all(np.diff(shared["step"][whose == number]) > 0)


@pytest.mark.parametrize(
    ("scene", "numbers"),
    [
        ("fork", range(CHILDREN + 1)),
        ("fork_pool", range(CHILDREN + 1)),
        ("fork_shared", range(CHILDREN + 1)),
        ("fork_silent", range(20)),
        ("grandchildren", range(3)),
        ("spawn", range(CHILDREN + 1)),
    ],
)
def test_children_join_the_run(scene: str, numbers: range, start: Start) -> None:
    """What a child logs is in its parent's run, however it began and ended, and once.

    It has a file of its own; its end does not end the run. `os._exit` loses nothing.
    """
    (run,) = play(start, scene)
    check_family(run, numbers)
    assert run.standing().state == "finished"
    recover(run)
    check_family(run, numbers)
    assert run.standing().state == "finished"
    files = {"fork_silent": 1, "grandchildren": 3}.get(scene, CHILDREN + 1)
    assert len(layout.run_files(run.path)) == files


def test_a_child_goes_on_with_its_parents_steps(start: Start) -> None:
    """Where a child names no step, its calls come after what its parent logged before the fork."""
    (run,) = play(start, "fork_stepless")
    history = run.history("stepless")
    assert history["step"].tolist() == list(range(2 * CALLS))
    assert history["value"].tolist() == [*range(CALLS), *range(CALLS)]


def test_forked_children_with_runs_of_their_own(start: Start) -> None:
    """A forked child that calls `init` has a run of its own; nothing of its parent's is in it."""
    runs = {run.facts().name: run for run in play(start, "own_runs")}
    assert set(runs) == {"parent", *(f"child-{number}" for number in range(1, CHILDREN + 1))}
    for number, name in enumerate(["parent", "child-1", "child-2", "child-3"]):
        check_family(runs[name], [number])
        assert {each.key for each in runs[name].metrics()} == {f"child/{number}", "shared", "gauge"}
        assert runs[name].history("gauge", all=True)["value"].tolist() == [float(number)]
        assert runs[name].standing().state == "finished"


def test_forks_at_any_moment(start: Start, size: Callable[[int, int], int]) -> None:
    """Whatever the library's threads were doing at the fork, a child can start a run and log."""
    for number in range(size(1, 50)):
        env = {**EAGER, "OTEL_TRACKIO_PROJECT": f"family-{number}"}
        assert start("family", "busy_forks", env=env).wait() == 0
        runs = {run.facts().name: run for run in otel_trackio.Api().runs(f"family-{number}")}
        assert len(runs) == BUSY_CHILDREN + 1
        for child in range(1, BUSY_CHILDREN + 1):
            check_family(runs[f"child-{child}"], [child])
            gauge = runs[f"child-{child}"].history("gauge", all=True)
            assert gauge["value"].tolist() == [float(child)]


def test_forks_while_threads_measure(start: Start) -> None:
    """A child that inherits locks of the SDK still starts its run, logs, and ends."""
    runs = {run.facts().name: run for run in play(start, "measuring_fork")}
    assert len(runs) == CHILDREN + 1
    for number in range(1, CHILDREN + 1):
        check_family(runs[f"child-{number}"], [number])


def test_threads(start: Start) -> None:
    """Threads lose nothing; where they name no step, each call gets one of its own."""
    (run,) = play(start, "threads")
    check_family(run, range(CHILDREN + 1))
    stepless = run.history("stepless", all=True)
    assert Counter(stepless["value"].tolist()) == dict.fromkeys(range(CALLS), CHILDREN)
    assert len(stepless["value"]) == CALLS * CHILDREN


def test_what_is_logged_while_the_run_finishes(
    start: Start, size: Callable[[int, int], int]
) -> None:
    """A call that comes as the run ends is stored or counted as refused: none just vanishes."""
    for _ in range(size(3, 50)):
        worker = start("family", "finish_under_fire", env=EAGER, piped=True)
        answer, _ = worker.process.communicate()
        calls, refused = map(int, answer.split())
        run = max(otel_trackio.Api().runs(), key=lambda each: each.facts().created)
        assert sum(each.count for each in run.metrics()) == calls - refused
        assert run.standing().state == "finished"
        for each in run.metrics():
            assert run.history(each.key, all=True)["value"].tolist() == list(range(each.count))


def test_runs_one_after_the_other(start: Start) -> None:
    """Each run of a process has its own points and measurements, and none of another's."""
    runs = {run.facts().name: run for run in play(start, "sequential")}
    assert len(runs) == 7
    for number in range(7):
        run = runs[f"run-{number}"]
        check_family(run, [number])
        assert run.standing().state == "finished"
        if number < 5:
            assert run.history("gauge", all=True)["value"].tolist() == [float(number)] * 10
            assert run.history("counter", all=True)["value"].tolist() == list(range(1, 11))


def launch(
    start: Start,
    pipe: Callable[[], Pipe],
    environments: Sequence[Mapping[str, str]],
    first: int = 0,
) -> None:
    """Starts a `rank` worker for each environment; all call `init`, then log, at the same time."""
    init, log = pipe(), pipe()
    ends = (init.reader, log.reader)
    ranks = [
        start("rank", number, *ends, env={**EAGER, **env}, inherited=ends, piped=True)
        for number, env in enumerate(environments, first)
    ]
    for said, told in (("ready", init), ("begun", log)):
        for each in ranks:
            each.hears(said)
        told.close(told.writer)
    assert [each.wait() for each in ranks] == [0] * len(ranks)


def test_eight_processes_of_one_run(start: Start, pipe: Callable[[], Pipe]) -> None:
    """Processes with one run id in their environment record one run, each in a file of its own."""
    launch(start, pipe, [{"OTEL_TRACKIO_RUN_ID": "shared"}] * 8)
    (run,) = otel_trackio.Api().runs()
    assert run.id == "shared"
    assert len(layout.run_files(run.path)) == 8
    assert run.standing().attempts == {0: 1}
    check_family(run, range(8))


LAUNCHERS: dict[str, Callable[[int], dict[str, str]]] = {
    "torchrun": lambda rank: {
        "RANK": str(rank),
        "WORLD_SIZE": "4",
        "LOCAL_RANK": str(rank),
        "LOCAL_WORLD_SIZE": "4",
        "GROUP_WORLD_SIZE": "1",
        "TORCHELASTIC_RUN_ID": "none",
    },
    "torchrun with an id": lambda rank: {
        "RANK": str(rank),
        "WORLD_SIZE": "4",
        "LOCAL_RANK": str(rank),
        "TORCHELASTIC_RUN_ID": "job-7",
    },
    "slurm": lambda rank: {
        "SLURM_JOB_ID": "12",
        "SLURM_STEP_ID": "0",
        "SLURM_PROCID": str(rank),
        "SLURM_NTASKS": "4",
        "SLURM_LOCALID": str(rank),
    },
    "ours": lambda rank: {"OTEL_TRACKIO_RUN_ID": "mine", "OTEL_TRACKIO_RANK": str(rank)},
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_ranks_of_a_launcher(launcher: str, start: Start, pipe: Callable[[], Pipe]) -> None:
    """The ranks of a launch record one run; rank is part of what tells their series apart."""
    launch(start, pipe, [LAUNCHERS[launcher](rank) for rank in range(4)])
    (run,) = otel_trackio.Api().runs()
    check_family(run, range(4), ranks=True)
    assert run.standing().attempts == {0: 1, 1: 1, 2: 1, 3: 1}
    assert run.standing().state == "finished"
    shared = run.history("shared", rank="all", all=True)
    assert (shared["step"] // STRIDE).tolist() == shared["rank"].tolist()
    assert run.history("shared")["step"].tolist() == list(range(CALLS))
    for rank in range(4):
        assert len(run.history("shared", rank=rank)["step"]) == CALLS
    facts = run.facts()
    assert facts.project == "family"
    assert facts.created > 0


def test_a_rank_that_is_late(start: Start, pipe: Callable[[], Pipe]) -> None:
    """A rank that starts when another has finished already still belongs to the same run."""
    for launcher in ("torchrun with an id", "ours"):
        for rank in (2, 0, 1):
            launch(start, pipe, [LAUNCHERS[launcher](rank)], first=rank)
    first, second = otel_trackio.Api().runs()
    check_family(first, range(3), ranks=True)
    check_family(second, range(3), ranks=True)


def test_a_launch_with_an_id_that_was_used(start: Start, pipe: Callable[[], Pipe]) -> None:
    """The ranks of a later launch, its id used before by one that ended, record one new run."""
    for _ in range(3):
        launch(start, pipe, [LAUNCHERS["torchrun with an id"](rank) for rank in range(2)])
    runs = otel_trackio.Api().runs()
    assert len(runs) == 3
    for run in runs:
        check_family(run, range(2), ranks=True)

"""Trainings of several processes, and other ways to start one, all of them without an edit."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from otel_trackio import Api
from otel_trackio.storedrun import StoredRun
from tests.launcher.launching import environment, script, start

pytestmark = [pytest.mark.xdist_group("trainer"), pytest.mark.timeout(600)]

TRAIN = """
import json, sys
from pathlib import Path
from tests.trainer import tiny
trainer = getattr(tiny, sys.argv[1])(Path("out"))
trainer.train()
if trainer.state.is_world_process_zero:
    print("told", json.dumps(trainer.state.log_history))
"""


def logged(done: subprocess.CompletedProcess[str]) -> list[dict[str, float]]:
    """What the trainer of a command that ended well says that it has logged."""
    assert done.returncode == 0, done.stderr
    assert "otel_trackio" not in done.stderr
    (line,) = [each for each in done.stdout.splitlines() if each.startswith("told ")]
    history: list[dict[str, float]] = json.loads(line.removeprefix("told "))
    return history


def is_recorded(history: list[dict[str, float]], run: StoredRun) -> None:
    """Every number of a trainer's history is in the run, at its step."""
    for entry in history:
        step = entry.pop("step")
        for key, value in entry.items():
            phase = "eval" if key.startswith("eval_") else "train"
            points = run.history(f"{phase}/{key.removeprefix('eval_')}", rank=0)
            at = dict(zip(points["step"].tolist(), points["value"].tolist(), strict=True))
            assert at[step] == value, key


OTHERS = ("sft", "dpo", "orpo", "kto", "reward", "rloo", "plain")


@pytest.mark.parametrize(
    "name", ["grpo", *(pytest.param(each, marks=pytest.mark.soak) for each in OTHERS)]
)
def test_an_unmodified_script_is_recorded_in_full(tmp_path: Path, name: str) -> None:
    """Every number that its trainer logs, at its step."""
    script(tmp_path, TRAIN)
    history = logged(start(tmp_path, ("python", "train.py", name), ("--project", "p")))
    with Api(tmp_path) as api:
        (run,) = api.runs("p")
        assert run.standing().state == "finished"
        is_recorded(history, run)


def test_ranks_of_torchrun_are_one_run(tmp_path: Path) -> None:
    """Rank 0 has the trainer's numbers, each rank its own timings, and no point is there twice."""
    script(tmp_path, TRAIN)
    launcher = ("torchrun", "--nproc_per_node", "2", "train.py", "plain")
    history = logged(start(tmp_path, launcher, OMP_NUM_THREADS="1"))
    with Api(tmp_path) as api:
        (run,) = api.runs()
        is_recorded(history, run)
        assert sorted(run.standing().attempts) == [0, 1]
        assert run.standing().state == "finished"
        seconds = run.history("time/step", rank="all", all=True)
        points = Counter(zip(seconds["rank"].tolist(), seconds["step"].tolist(), strict=True))
        assert points == dict.fromkeys([(rank, step) for rank in (0, 1) for step in range(1, 5)], 1)
        loss = run.history("train/loss", rank="all", all=True)
        assert set(loss["rank"].tolist()) == {0}


FORKED = """
from pathlib import Path
from accelerate import debug_launcher

def train():
    from tests.trainer import tiny
    tiny.plain(Path("out")).train()

debug_launcher(train, num_processes=2)
"""


def test_forked_ranks_that_no_launcher_names_are_one_run(tmp_path: Path) -> None:
    """As notebooks fork them: the ranks find out from each other."""
    script(tmp_path, FORKED)
    done = start(tmp_path, ("python", "train.py"), OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    with Api(tmp_path) as api:
        (run,) = api.runs()
        assert sorted(run.standing().attempts) == [0, 1]
        assert run.standing().state == "finished"
        loss = run.history("train/loss", rank="all", all=True)
        assert set(loss["rank"].tolist()) == {0}


def test_opentelemetry_instrument_records_trainers_too(tmp_path: Path) -> None:
    """By the entry points of the package; what meters measure goes to the same run."""
    metered = "from opentelemetry import metrics\nmetrics.get_meter('own').create_gauge('g').set(7)"
    script(tmp_path, f"{TRAIN}\n{metered}")
    done = subprocess.run(
        ["opentelemetry-instrument", "python", "train.py", "plain"],
        cwd=tmp_path,
        env=environment(tmp_path, OTEL_METRICS_EXPORTER="otel_trackio", OTEL_TRACKIO_SILENT="1"),
        capture_output=True,
        text=True,
    )
    with Api(tmp_path) as api:
        (run,) = api.runs()
        is_recorded(logged(done), run)
        assert run.history("g")["value"].tolist() == [7]

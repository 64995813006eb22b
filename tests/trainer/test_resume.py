"""A training that goes on from a checkpoint goes on in its run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import otel_trackio
from otel_trackio import session
from tests.trainer.conftest import only_run

pytestmark = [
    pytest.mark.xdist_group("trainer"),
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),
]

SAVING = {"logging_steps": 1, "save_strategy": "steps", "save_steps": 2}


@pytest.mark.parametrize("name", ["sft", "grpo"])
def test_resume_goes_on(name: str, tiny: Any, instrumented: None, out: Path) -> None:
    """It is a new attempt of the run, with one count of tokens from first step to last."""
    make = tiny.TRAINERS[name]
    make(out / "whole", logging_steps=1).train()
    whole = only_run()
    otel_trackio.finish()
    make(out / "parts", **SAVING, max_steps=3).train()
    (run,) = [each for each in otel_trackio.Api().runs() if each.id != whole.id]
    otel_trackio.finish()
    again = make(out / "parts", logging_steps=1)
    again.train(resume_from_checkpoint=str(out / "parts" / "checkpoint-2"))
    assert session.active().attempt == 2
    otel_trackio.finish()
    assert len(otel_trackio.Api().runs()) == 2
    tokens = run.history("train/num_tokens")
    assert tokens["step"].tolist() == [1, 2, 3, 4]
    assert tokens["value"].tolist() == whole.history("train/num_tokens")["value"].tolist()
    assert run.history("train/loss", all=True)["step"].tolist() == [1, 2, 3, 3, 4]
    assert run.facts().config["max_steps"] == 4


def test_tokens_between_logs_count(tiny: Any, instrumented: None, out: Path) -> None:
    """What was trained after the last log and before the checkpoint is not forgotten."""
    tiny.sft(out, logging_steps=3, save_strategy="steps", save_steps=2, max_steps=3).train()
    once = only_run().history("train/num_tokens")["value"][-1]
    restoring = {"restore_callback_states_from_checkpoint": True}
    again = tiny.sft(out, logging_steps=3, max_steps=3, **restoring)
    again.train(resume_from_checkpoint=str(out / "checkpoint-2"))
    assert only_run().history("train/num_tokens", all=True)["value"].tolist() == [once, once]


def test_checkpoint_that_knew_nothing_of_us(tiny: Any, out: Path) -> None:
    """A checkpoint from before we looked resumes as a new run, its tokens counted on."""
    tiny.sft(out, **SAVING, max_steps=2).train()
    before = tiny.sft(out, logging_steps=1, max_steps=3)
    otel_trackio.instrument()
    before.train(resume_from_checkpoint=True)
    counted = [each["num_tokens"] for each in before.state.log_history if "loss" in each]
    tokens = only_run().history("train/num_tokens")
    assert tokens["step"].tolist() == [3]
    assert tokens["value"].tolist() == [counted[1] + counted[2]]


KILLED = """
import os, signal, sys, time
from pathlib import Path
import otel_trackio
from otel_trackio import session
otel_trackio.instrument()
from transformers import TrainerCallback
from tests.trainer import tiny

class Killing(TrainerCallback):
    def on_log(self, args, state, control, **kwargs):
        if state.global_step == 5:
            os.kill(os.getpid(), int(sys.argv[2]))
            time.sleep(600)

tiny.sft(Path(sys.argv[1]), [Killing()], logging_steps=1, save_strategy="steps", save_steps=4,
         max_steps=8).train()
"""


@pytest.mark.parametrize(
    ("number", "state"), [(signal.SIGKILL, "crashed"), (signal.SIGTERM, "failed")]
)
def test_resume_after_a_signal(
    number: int, state: str, tiny: Any, instrumented: None, out: Path
) -> None:
    """A killed process loses nothing; the next one goes on, and its redone steps win."""
    environ = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    root = str(Path(__file__).parents[2])
    killed = [sys.executable, "-c", KILLED, str(out), str(int(number))]
    assert subprocess.run(killed, env=environ, cwd=root).returncode == -number
    run = only_run()
    assert run.state == state
    assert run.history("train/loss")["step"].tolist() == [1, 2, 3, 4, 5]
    again = tiny.sft(out, logging_steps=1, save_strategy="steps", save_steps=4, max_steps=8)
    again.train(resume_from_checkpoint=True)
    otel_trackio.finish()
    assert only_run().id == run.id
    assert only_run().state == "finished"
    loss = run.history("train/loss")
    assert loss["step"].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    told = [json.loads(json.dumps(each)) for each in again.state.log_history if "loss" in each]
    assert loss["value"].tolist() == [each["loss"] for each in told]
    assert len(run.history("train/loss", all=True)["step"]) == 9

"""Real trainers, recorded: what they log is there, and they train as if nobody looked."""

from __future__ import annotations

import gc
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import otel_trackio
from otel_trackio.storedrun import StoredRun
from otel_trackio.trainer.keys import display_key
from tests.trainer.conftest import only_run

pytestmark = [
    pytest.mark.xdist_group("trainer"),
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),
]

TRAINERS = ("sft", "dpo", "orpo", "kto", "reward", "grpo", "rloo", "plain")
PHASES = ("data", "forward_backward", "optimizer", "scheduler", "log", "eval", "save")
CLOCKED = ("runtime", "per_second", "step_time")


def at(run: StoredRun, key: str, step: int) -> list[float]:
    """All values of a metric at a step."""
    history = run.history(key, all=True)
    return [v for s, v in zip(history["step"], history["value"], strict=True) if s == step]


def unclocked(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a trainer logged, less what depends on the clock."""
    return [
        {key: value for key, value in each.items() if not any(c in key for c in CLOCKED)}
        for each in history
    ]


@pytest.mark.parametrize("name", TRAINERS)
def test_everything_a_trainer_logs_is_recorded(
    name: str, tiny: Any, out: Path, request: pytest.FixtureRequest
) -> None:
    """Each number of `log_history` is at its step, and is the same as without us, bit for bit."""
    evaluated = {"eval_strategy": "steps", "eval_steps": 2}
    alone = tiny.TRAINERS[name](out / "alone", **evaluated)
    alone.train()
    request.getfixturevalue("instrumented")
    trainer = tiny.TRAINERS[name](out / "seen", **evaluated)
    trainer.train()
    assert unclocked(trainer.state.log_history) == unclocked(alone.state.log_history)
    run = only_run()
    for logged in trainer.state.log_history:
        for key, value in logged.items():
            if key != "step" and value is not None:
                found = at(run, display_key(key), logged["step"])
                assert any(np.array_equal(value, each, equal_nan=True) for each in found), key


def test_evaluations_of_several_datasets(tiny: Any, instrumented: None, out: Path) -> None:
    """Each has its own keys, whatever it is called."""
    trainer = tiny.plain(out)
    trainer.train()
    rows = trainer.eval_dataset
    trainer.evaluate({"chess": rows, "go": rows})
    trainer.evaluate(metric_key_prefix="last")
    predicted = trainer.predict(rows, metric_key_prefix="held").metrics
    run = only_run()
    for logged in [*trainer.state.log_history[-3:], {"step": 4, **predicted}]:
        for key in logged.keys() - {"step"}:
            assert logged[key] in at(run, display_key(key), 4), key
    keys = {each.key for each in run.metrics()}
    assert {"eval/chess_loss", "eval/go_loss", "train/last_loss", "train/held_loss"} <= keys


def test_nothing_of_a_trainer_is_kept_alive(tiny: Any, instrumented: None, out: Path) -> None:
    """Once its user has let go of it, also after a training that failed."""
    with otel_trackio.init("p"):
        for fails in (False, True):
            failing = [tiny.raising(RuntimeError("once"))] if fails else []
            trainer = tiny.plain(out, callbacks=failing)
            with suppress(RuntimeError):
                trainer.train()
            trainer.evaluate()
            model = weakref.ref(trainer.model)
            del trainer, failing
            gc.collect()
            assert model() is None


def test_timings_of_steps(tiny: Any, instrumented: None, out: Path) -> None:
    """Every step has its phases, which add up to it; logs, evaluations and saving have theirs."""
    tiny.sft(out, eval_strategy="steps", eval_steps=2, save_strategy="steps", save_steps=4).train()
    run = only_run()
    steps = run.history("time/step")
    assert steps["step"].tolist() == [1, 2, 3, 4]
    parts = [run.history(f"time/{phase}")["value"] for phase in PHASES[:4]]
    assert np.allclose(sum(parts), steps["value"])
    assert all((run.history(f"time/{phase}")["value"] > 0).all() for phase in PHASES)
    assert run.history("time/eval")["step"].tolist() == [2, 4]
    assert run.history("time/save")["step"].tolist() == [4]
    rates = run.history("throughput/samples_per_second")["value"]
    assert np.allclose(rates, 4 / steps["value"])
    for counted in ("tokens", "flops"):
        rate = run.history(f"throughput/{counted}_per_second")
        assert rate["step"].tolist() == [2, 4]
        assert (rate["value"] > 0).all()


def test_units_are_stored(tiny: Any, instrumented: None, out: Path) -> None:
    """What has a unit shows it."""
    tiny.sft(out).train()
    units = {each.key: each.unit for each in only_run().metrics()}
    assert units["time/step"] == "s"
    assert units["train/num_tokens"] == "{token}"
    assert units["train/loss"] == ""


def test_profiled_functions_of_trl(tiny: Any, instrumented: None, out: Path) -> None:
    """TRL's own profile is recorded even if it reports to nobody, apart for evaluations."""
    tiny.grpo(out, eval_strategy="steps", eval_steps=4).train()
    run = only_run()
    key = "profiling/Time taken: GRPOTrainer._prepare_inputs"
    assert run.history(key)["step"].tolist() == [1, 2, 3, 4]
    assert run.history(f"eval/{key}")["step"].tolist() == [4]


def test_checkpoints_are_annotations(tiny: Any, instrumented: None, out: Path) -> None:
    """Each checkpoint marks its step, and says where it is."""
    tiny.sft(out, save_strategy="steps", save_steps=2).train()
    marks = only_run().records("annotation")
    assert [(each.key, each.step) for each in marks] == [("checkpoint-2", 2), ("checkpoint-4", 4)]
    assert all(Path(each.data["text"]).is_dir() for each in marks)


def test_data_loader_workers_record_nothing(tiny: Any, instrumented: None, out: Path) -> None:
    """Forked workers that load data neither record twice nor disturb the run."""
    tiny.plain(out, dataloader_num_workers=2).train()
    otel_trackio.finish()
    run = only_run()
    assert len(run.files()) == 1
    assert run.history("time/step", all=True)["step"].tolist() == [1, 2, 3, 4]
    assert run.state == "finished"


def test_values_that_are_none_are_left_out(tiny: Any, instrumented: None, out: Path) -> None:
    """A reward function that knows no answer yields None, which is no number and no fault."""
    trainer = tiny.sft(out)
    trainer.log({"rewards/unknown/mean": None, "rewards/known/mean": 1.0})
    keys = {each.key for each in only_run().metrics()}
    assert keys >= {"train/rewards/known/mean"}
    assert "train/rewards/unknown/mean" not in keys


def test_what_we_cannot_do_does_not_stop_training(
    tiny: Any, instrumented: None, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting that cannot be used is said, and the trainer trains on."""
    monkeypatch.setenv("OTEL_TRACKIO_INTERVAL", "never")
    monkeypatch.delenv("OTEL_TRACKIO_RAISE")
    trainer = tiny.sft(out)
    trainer.train()
    assert trainer.state.global_step == 4
    monkeypatch.delenv("OTEL_TRACKIO_INTERVAL")
    assert otel_trackio.Api().runs() == []

"""Which run transformers' own callback is recorded in, and how that ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import otel_trackio
from otel_trackio import Api
from otel_trackio.storedrun import StoredRun
from tests.trackio.conftest import only_run, points

pytestmark = [
    pytest.mark.xdist_group("trainer"),
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def steps(run: StoredRun, key: str) -> list[int]:
    return [step for step, _ in points(run, key)]


def test_a_users_run_is_joined_and_stays_open(trackio: Any, tiny: Any, out: Path) -> None:
    """Through training after training, and what is evaluated after them, until its user ends it."""
    run = trackio.init(project="p", name="baseline")
    trainer = tiny.sft(out, report_to="trackio")
    trainer.train()
    assert run.is_open
    assert trackio.context_vars.current_run.get() is run
    trainer.evaluate()
    trainer.predict(trainer.eval_dataset)
    trackio.log({"own": 1.0})
    tiny.plain(out, report_to="trackio", max_steps=6).train()
    trackio.finish()
    stored = only_run()
    assert (stored.name, stored.state) == ("baseline", "finished")
    assert steps(stored, "train/loss") == [2, 4, 2, 4, 6]
    assert steps(stored, "eval/loss") == steps(stored, "test/loss") == steps(stored, "own") == [4]


def test_what_names_another_run_gets_it(trackio: Any, tiny: Any, out: Path) -> None:
    """A project or a name of the trainer's arguments; `huggingface` is none."""
    trackio.init(project="p", name="baseline")
    tiny.sft(out, report_to="trackio", run_name="baseline").train()
    tiny.sft(out, report_to="trackio", run_name="other").train()
    tiny.sft(out, report_to="trackio", project="q").train()
    trackio.finish()
    assert [(each.project, each.name, each.state) for each in Api().runs("p")] == [
        ("p", "baseline", "finished"),
        ("p", "other", "finished"),
    ]
    assert steps(only_run("q"), "train/loss") == [2, 4]


def test_without_a_run_each_training_gets_one(trackio: Any, tiny: Any, out: Path) -> None:
    """It has ended when its training has, and still takes what is evaluated afterwards."""
    trainer = tiny.sft(out, report_to="trackio")
    trainer.train()
    first = only_run("huggingface")
    assert first.state == "finished"
    trainer.evaluate()
    assert steps(only_run(), "eval/loss") == [4]
    tiny.sft(out, report_to="trackio").train()
    trackio.finish()
    found = Api().runs("huggingface")
    assert [steps(each, "train/loss") for each in found] == [[2, 4], [2, 4]]
    assert [each.state for each in found] == ["finished", "finished"]


def test_the_environment_names_the_project(
    trackio: Any, tiny: Any, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the trainer names none."""
    monkeypatch.setenv("TRACKIO_PROJECT", "ours")
    tiny.sft(out, report_to="trackio").train()
    trackio.finish()
    assert only_run().project == "ours"


def test_an_evaluation_after_the_end_goes_on_with_the_run(
    trackio: Any, tiny: Any, out: Path
) -> None:
    """As its next attempt, and nothing of the first is lost."""
    trackio.init(project="p", name="baseline")
    trainer = tiny.sft(out, report_to="trackio")
    trainer.train()
    trackio.finish()
    trainer.evaluate()
    trackio.finish()
    run = only_run()
    assert steps(run, "train/loss") == [2, 4]
    assert run.history("train/loss")["step"].tolist() == [2, 4]
    assert run.history("eval/loss")["step"].tolist() == [4]
    assert run.state == "finished"


def test_an_evaluation_alone_is_a_run(trackio: Any, tiny: Any, out: Path) -> None:
    """Where nothing was trained."""
    tiny.sft(out, report_to="trackio", project="p").evaluate()
    trackio.finish()
    assert steps(only_run("p"), "eval/loss") == [0]


def test_nothing_is_recorded_twice(trackio: Any, tiny: Any, instrumented: None, out: Path) -> None:
    """Where the instrument, the callback and TRL itself all tell of the same training."""
    trackio.init(project="p", name="baseline", config={"seed": "mine"})
    trainer = tiny.grpo(out, report_to="trackio", log_completions=True)
    trainer.train()
    trainer.evaluate()
    trackio.log({"own": 1.0})
    trackio.finish()
    run = only_run()
    for each in run.metrics():
        found = steps(run, each.key)
        if not each.key.startswith(("time/", "throughput/", "train/epoch", "train/num_tokens")):
            assert len(found) == len(set(found)), each.key
    history = {key for logs in trainer.state.log_history for key in logs}
    assert {"train_runtime", "total_flos"} <= history
    keys = {each.key for each in run.metrics()}
    assert {"train/loss", "eval/loss", "train/train_runtime", "train/total_flos", "own"} <= keys
    assert run.tables("completions")
    assert run.config["seed"] == "mine"
    assert run.config["args"]["seed"] == 7


def test_the_instrument_has_chosen_the_run(
    trackio: Any, tiny: Any, instrumented: None, out: Path
) -> None:
    """Its user's own; the callback, for which the trainer names another, joins it too."""
    trackio.init(project="p", name="baseline")
    trainer = tiny.sft(out, report_to="trackio", project="q", run_name="other")
    trainer.train()
    trainer.evaluate()
    trackio.finish()
    run = only_run()
    assert (run.project, run.name) == ("p", "baseline")
    assert steps(run, "train/loss") == [2, 4]
    assert steps(run, "eval/loss") == steps(run, "train/train_loss") == [4]


def test_a_model_card_can_be_written(trackio: Any, tiny: Any, out: Path) -> None:
    """TRL asks which Space shows the run, whether there is one or not."""
    trackio.init(project="p", space_id="alice/curves")
    trainer = tiny.sft(out, report_to="trackio")
    trainer.train()
    trainer.create_model_card()
    assert "alice-curves.hf.space?project=p" in (out / "README.md").read_text()
    trackio.finish()
    trainer.create_model_card()


def test_offline_nothing_is_pushed(
    trackio: Any, tiny: Any, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The callback asks for a Space when a model is pushed: that breaks nothing."""
    trainer = tiny.sft(out, report_to="trackio", project="p")
    trainer.train()
    trainer.callback_handler.on_push_begin(trainer.args, trainer.state, trainer.control)
    assert "p was not synced to hf://datasets/p-static-" in caplog.text


def test_a_trainer_imported_too_early_finds_it_all_the_same(trackio: Any, tiny: Any) -> None:
    """TRL's modules look for `trackio` once, when they are imported."""
    import trl.trainer.grpo_trainer as early

    assert early.trackio is trackio
    assert otel_trackio.trackio is trackio

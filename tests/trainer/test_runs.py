"""Which run a trainer is recorded in, and how that ends."""

from __future__ import annotations

import pickle
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import otel_trackio
from otel_trackio import steps as process_steps
from otel_trackio.facts import failure
from otel_trackio.storedrun import StoredRun
from tests.trainer.conftest import only_run

pytestmark = [
    pytest.mark.xdist_group("trainer"),
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),
]


def steps(run: StoredRun, key: str = "time/step") -> list[int]:
    return [int(step) for step in run.history(key, all=True)["step"]]


def why(run: StoredRun) -> str:
    """What a run says that it died of."""
    with run.sources() as sources:
        events = [each for source in sources for each in source.reader.events()]
    return failure([each.data for each in events if each.kind == "state"])


def test_run_is_started_and_stays_open(tiny: Any, instrumented: None, out: Path) -> None:
    """Without a run of the user's one begins, named as the trainer is; evaluations join it."""
    trainer = tiny.sft(out, run_name="baseline")
    trainer.train()
    run = only_run()
    assert (run.facts().name, run.facts().project, run.state) == ("baseline", "default", "running")
    assert steps(run) == [1, 2, 3, 4]
    found = trainer.evaluate()
    predicted = trainer.predict(trainer.eval_dataset).metrics
    assert run.history("eval/loss")["value"].tolist() == [found["eval_loss"]]
    assert run.history("test/loss")["value"].tolist() == [predicted["test_loss"]]
    assert steps(run, "test/loss") == steps(run, "eval/loss") == [4]
    assert "time/eval" not in {each.key for each in run.metrics()}
    otel_trackio.finish()
    assert only_run().state == "finished"


def test_environment_names_the_run(
    tiny: Any, instrumented: None, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the environment says of project and name goes before what the script says."""
    monkeypatch.setenv("OTEL_TRACKIO_PROJECT", "ours")
    monkeypatch.setenv("OTEL_TRACKIO_NAME", "today")
    tiny.sft(out, run_name="baseline").train()
    facts = only_run().facts()
    assert (facts.project, facts.name) == ("ours", "today")


def test_users_own_run_is_joined(tiny: Any, instrumented: None, out: Path) -> None:
    """A run that is active takes the trainer in, and its user finishes it, twice if need be."""
    with otel_trackio.init("mine", "first", config={"seed": "mine"}) as run:
        tiny.sft(out).train()
        run.log({"own": 1})
    otel_trackio.finish()
    found = only_run()
    assert found.state == "finished"
    assert steps(found, "own") == [5]
    config = found.facts().config
    assert (config["seed"], config["args"]["seed"]) == ("mine", 7)


def test_each_training_has_a_run(tiny: Any, instrumented: None, out: Path) -> None:
    """A second training does not write over the first, unless its user has one run for both."""
    first = tiny.sft(out)
    first.train()
    first.train()
    assert [steps(run) for run in otel_trackio.Api().runs()] == [[1, 2, 3, 4]] * 2


def test_evaluation_alone(tiny: Any, instrumented: None, out: Path) -> None:
    """Where nothing is trained an evaluation has a run, and a training after it the same."""
    trainer = tiny.sft(out)
    trainer.evaluate()
    assert steps(only_run(), "eval/loss") == [0]
    assert only_run().facts().config["per_device_eval_batch_size"] == 4
    trainer.train()
    assert steps(only_run()) == [1, 2, 3, 4]


def test_evaluation_after_finish(tiny: Any, instrumented: None, out: Path) -> None:
    """What is evaluated after its run was finished makes no other run."""
    trainer = tiny.sft(out)
    trainer.train()
    otel_trackio.finish()
    trainer.evaluate()
    assert only_run().state == "finished"


def test_evaluation_in_a_run_of_its_own(tiny: Any, instrumented: None, out: Path) -> None:
    """A run that its user starts afterwards takes what is evaluated then."""
    trainer = tiny.sft(out)
    with otel_trackio.init("p", "first"):
        trainer.train()
    with otel_trackio.init("p", "second"):
        trainer.evaluate()
    first, second = otel_trackio.Api().runs("p")
    assert steps(first) == [1, 2, 3, 4]
    assert steps(second, "eval/loss") == [4]


def test_trainings_in_threads_lose_nothing(tiny: Any, instrumented: None, out: Path) -> None:
    """Whichever begins second is in the run of the other, under keys of its own."""
    meeting = threading.Barrier(3)
    trainers = [
        tiny.plain(out / str(number), callbacks=[tiny.At(1, lambda: meeting.wait(300))])
        for number in range(3)
    ]
    threads = [threading.Thread(target=each.train) for each in trainers]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    run = only_run()
    for key in ("train/loss", "Trainer/train/loss", "Trainer-2/train/loss"):
        assert steps(run, key) == [2, 4]
    assert process_steps.current_step() is None


def test_nested_training_stays_apart(tiny: Any, instrumented: None, out: Path) -> None:
    """A trainer inside of another is in its run, under keys of its own."""

    def act() -> None:
        inner = tiny.plain(out / "inner", max_steps=6)
        inner.train()
        inner.evaluate()

    tiny.sft(out, callbacks=[tiny.At(2, act)]).train()
    run = only_run()
    assert steps(run) == [1, 2, 3, 4]
    assert steps(run, "train/loss") == [2, 4]
    assert steps(run, "Trainer/train/loss") == [2, 4, 6]
    assert steps(run, "Trainer/eval/loss") == [6]
    assert run.facts().config["trainer"] == "SFTTrainer"
    assert run.facts().config["Trainer"]["max_steps"] == 6


def test_training_before_another_begins(tiny: Any, instrumented: None, out: Path) -> None:
    """A trainer that prepares its own training by one of another is not around that yet."""
    trainer = tiny.plain(out)
    trainer.train()
    otel_trackio.finish()
    make = trainer.get_train_dataloader

    def prepare() -> Any:
        tiny.plain(out, max_steps=2).train()
        return make()

    trainer.get_train_dataloader = prepare
    trainer.train()
    found = [steps(run) for run in otel_trackio.Api().runs()]
    assert found == [[1, 2, 3, 4], [1, 2], [1, 2, 3, 4]]


def test_trainer_made_before(tiny: Any, out: Path) -> None:
    """A trainer that was made before anybody looked is recorded when it trains."""
    trainer = tiny.sft(out)
    otel_trackio.instrument()
    trainer.train()
    assert steps(only_run()) == [1, 2, 3, 4]


def test_instrument_again_takes_other_arguments(tiny: Any, out: Path) -> None:
    """As `otel-trackio run` has called it before a script does, and a cell of a notebook twice."""
    otel_trackio.instrument()
    otel_trackio.instrument(project="p")
    otel_trackio.instrument()
    tiny.plain(out).train()
    assert only_run().facts().project == "p"


def test_an_argument_that_is_none_is_refused(tiny: Any) -> None:
    """At once, and not when the training begins."""
    with pytest.raises(TypeError, match="projct"):
        otel_trackio.instrument(projct="p")
    with pytest.raises(TypeError, match="projct"):
        otel_trackio.OtelTrackioCallback(projct="p")


def test_a_training_of_its_own_making(tiny: Any, instrumented: None, out: Path) -> None:
    """A trainer whose `train` is not that of transformers is recorded by its events alone."""
    made = tiny.plain(out)

    def train(trainer: Any) -> None:
        trainer.state = type(trainer.state)()
        about = trainer.args, trainer.state, trainer.control
        trainer.callback_handler.on_train_begin(*about)
        for step in (1, 2):
            trainer.callback_handler.on_step_begin(*about)
            trainer.state.global_step = step
            trainer.callback_handler.on_step_end(*about)
            trainer.log({"loss": step})
        trainer.callback_handler.on_train_end(*about)

    train(made)
    assert process_steps.current_step() is None
    train(made)
    assert [steps(run, "train/loss") for run in otel_trackio.Api().runs()] == [[1, 2]] * 2


def test_uninstrument_leaves_nothing(tiny: Any, out: Path) -> None:
    """Afterwards transformers is as it was, and a trainer that was watched is not any more."""
    from transformers import Trainer
    from transformers.trainer_callback import CallbackHandler

    before = Trainer.__dict__["train"], CallbackHandler.__dict__["__init__"]
    otel_trackio.instrument()
    otel_trackio.instrument()
    trainer = tiny.sft(out)
    otel_trackio.uninstrument()
    otel_trackio.uninstrument()
    assert before == (Trainer.__dict__["train"], CallbackHandler.__dict__["__init__"])
    trainer.train()
    assert otel_trackio.Api().runs() == []


@pytest.mark.parametrize("form", ["callback", "report_to"])
def test_one_line_forms(form: str, tiny: Any, out: Path) -> None:
    """`callbacks=[OtelTrackioCallback()]` and `report_to="otel_trackio"` see as much."""
    if form == "callback":
        trainer = tiny.sft(out, callbacks=[otel_trackio.OtelTrackioCallback(project="p")])
    else:
        otel_trackio.init("p")
        trainer = tiny.sft(out, report_to="otel_trackio")
    with pytest.raises(KeyError):
        trainer.callback_handler.callbacks.insert(0, tiny.raising(KeyError("no")))
        trainer.train()
    otel_trackio.finish()
    run = only_run()
    assert (run.facts().project, run.state, why(run)) == ("p", "failed", "KeyError: 'no'")
    assert steps(run) == [1, 2]


def test_all_forms_at_once(tiny: Any, instrumented: None, out: Path) -> None:
    """Whoever asks three times is recorded once, and in the order that loses nothing."""
    trainer = tiny.sft(
        out, callbacks=[otel_trackio.OtelTrackioCallback(project="p")], report_to="otel_trackio"
    )
    trainer.add_callback(otel_trackio.OtelTrackioCallback(project="q"))
    trainer.train()
    run = only_run()
    assert run.facts().project == "q"
    assert steps(run) == [1, 2, 3, 4]
    assert steps(run, "train/train_loss") == [4]


def test_copy_of_a_callback(tiny: Any, out: Path) -> None:
    """A callback that is in the middle of a run can be copied, as searches do."""
    callback = otel_trackio.OtelTrackioCallback(project="p")
    tiny.plain(out, callbacks=[callback]).train()
    otel_trackio.finish()
    copied = pickle.loads(pickle.dumps(callback))
    tiny.plain(out, callbacks=[copied]).train()
    otel_trackio.finish()
    assert [run.facts().project for run in otel_trackio.Api().runs()] == ["p", "p"]


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), KeyboardInterrupt()])
def test_failed_training_is_told(
    error: BaseException, tiny: Any, instrumented: None, out: Path
) -> None:
    """The exception reaches the user and the run, which has failed even if it is finished."""
    trainer = tiny.sft(out, callbacks=[tiny.raising(error)])
    with pytest.raises(type(error)) as raised:
        trainer.train()
    assert raised.value is error
    assert sys.getrefcount(error) < 20
    otel_trackio.finish()
    run = only_run()
    assert (run.state, why(run)) == ("failed", f"{type(error).__name__}: {error}")
    assert steps(run) == [1, 2, 3]


def test_leaving_well_is_no_failure(tiny: Any, instrumented: None, out: Path) -> None:
    """A script that calls `sys.exit()` in a callback is done, and did not fail."""
    with pytest.raises(SystemExit):
        tiny.sft(out, callbacks=[tiny.raising(SystemExit(0))]).train()
    otel_trackio.finish()
    assert only_run().state == "finished"


def test_a_trial_that_is_pruned_has_not_failed(tiny: Any, instrumented: None, out: Path) -> None:
    """A search for parameters ends it so, as it has seen enough."""

    class TrialPruned(Exception):
        """As optuna's."""

    with pytest.raises(TrialPruned):
        tiny.plain(out, callbacks=[tiny.raising(TrialPruned())]).train()
    otel_trackio.finish()
    assert only_run().state == "finished"


def test_smaller_batches_are_the_same_training(tiny: Any, instrumented: None, out: Path) -> None:
    """A loop that begins once more, as it was out of memory, goes on in its run."""
    errors = [RuntimeError("CUDA out of memory.")]

    def act() -> None:
        if errors:
            raise errors.pop()

    tiny.plain(out, callbacks=[tiny.At(1, act)], auto_find_batch_size=True).train()
    run = only_run()
    assert run.history("time/step")["step"].tolist() == [1, 2, 3, 4]
    assert run.state == "running"


def test_training_again_mends_it(tiny: Any, instrumented: None, out: Path) -> None:
    """In the user's own run, a training that ends well makes up for one that did not."""
    otel_trackio.init("p")
    trainer = tiny.sft(out, callbacks=[tiny.raising(RuntimeError("once"))])
    with pytest.raises(RuntimeError):
        trainer.train()
    trainer.callback_handler.callbacks.pop()
    tiny.sft(out).train()
    otel_trackio.finish()
    assert only_run().state == "finished"

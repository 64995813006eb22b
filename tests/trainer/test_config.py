"""What a trainer says of itself in its run's config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import otel_trackio
from otel_trackio import session
from otel_trackio.trainer.subject import about_model, dataset_name, parameters_of
from tests.trainer.conftest import only_run

pytestmark = [
    pytest.mark.xdist_group("trainer"),
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),
]


def test_what_the_user_set_stands_out(tiny: Any, instrumented: None, out: Path) -> None:
    """Arguments that differ from their defaults are at the top, all others under `args`."""
    trainer = tiny.plain(out, learning_rate=0.01, hub_token="hf_" + "x" * 30, warmup_steps=1)
    trainer.train()
    config = only_run().facts().config
    assert session.active().config["hub_token"] == "[redacted]"
    rest = config.pop("args")
    assert config == {
        "trainer": "Trainer",
        "model": "Qwen2ForCausalLM",
        "parameters": trainer.model.num_parameters(),
        "max_steps": 4,
        "logging_steps": 2,
        "per_device_train_batch_size": 4,
        "per_device_eval_batch_size": 4,
        "learning_rate": 0.01,
        "warmup_steps": 1,
        "save_strategy": "no",
        "use_cpu": True,
        "seed": 7,
        "hub_token": "[redacted]",
    }
    assert rest["weight_decay"] == 0.0
    assert rest["output_dir"] == str(out)
    assert len(rest) > 50


def test_arguments_of_instrument(tiny: Any, out: Path) -> None:
    """`instrument` takes what `init` does, for the run that it starts."""
    otel_trackio.instrument(project="p", name="n", config={"seed": "own"}, tags=["t"])
    tiny.plain(out, run_name="other").train()
    facts = only_run().facts()
    assert (facts.project, facts.name, facts.tags) == ("p", "n", ("t",))
    assert facts.config["seed"] == "own"
    assert facts.config["args"]["seed"] == 7


def test_names_that_people_know(tiny: Any) -> None:
    """A model and a dataset from the Hub are called what they are called there."""
    model = tiny.model()
    model.config._name_or_path = "Qwen/Qwen2-0.5B"
    assert about_model(model)["model"] == "Qwen/Qwen2-0.5B"

    class Loader:
        dataset = tiny.sft_data()

    assert dataset_name(Loader()) == ""
    Loader.dataset.info.download_checksums = {
        "hf://datasets/trl-lib/Capybara@0a1b/data/train.parquet": {}
    }
    assert dataset_name(Loader()) == "trl-lib/Capybara"


def test_parameters_of_a_model_in_parts(tiny: Any) -> None:
    """DeepSpeed leaves a rank a part of each parameter, or none of it."""
    model = tiny.model()
    whole = model.num_parameters()
    assert parameters_of(model) == whole
    for each in model.parameters():
        each.ds_numel = each.numel()
        each.data = each.data.new_empty(0)
    assert model.num_parameters() == 0
    assert parameters_of(model) == whole
    assert parameters_of(object()) == 0

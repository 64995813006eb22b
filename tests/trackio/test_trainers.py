"""transformers' own callback, and accelerate's tracker, drive the drop-in from end to end."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from otel_trackio import Api
from otel_trackio.storedrun import StoredRun
from otel_trackio.trainer.keys import display_key
from tests.conftest import OURS
from tests.fakes.hub import Hub
from tests.trackio.conftest import ROOT, points, python

pytestmark = [pytest.mark.xdist_group("trainer"), pytest.mark.timeout(600)]

SCRIPTS = Path(__file__).parent / "scripts"

PULL = "import sys; from otel_trackio.cli import main; main(['pull', sys.argv[1]])"

LEFT_OUT = (
    "train_runtime",
    "train_samples_per_second",
    "train_steps_per_second",
    "train_loss",
    "total_flos",
    "step",
)
"""What transformers' callback keeps to itself of a log."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What the script did: where it was recorded, what its trainers logged, what it said."""

    folder: Path
    env: dict[str, str]
    told: dict[str, Any]
    said: str

    def fetched(self, dataset: str) -> list[StoredRun]:
        """The runs in a Dataset of the Hub, pulled as on another machine."""
        folder = self.folder / dataset.replace("/", "-")
        env = {**self.env, "OTEL_TRACKIO_DIR": str(folder)}
        python(PULL, env, f"hf://datasets/{dataset}")
        return Api(folder).runs()


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


def environment(hub: Hub, folder: Path) -> dict[str, str]:
    """The Hub can be reached, and nothing is fetched from it: the trainers are made in process."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
    ours = {
        "PYTHONPATH": str(ROOT),
        "OTEL_TRACKIO_DIR": str(folder),
        "CI": "true",  # Or TRL asks the Hub who trains.
    }
    return {**kept, **hub.env(), **ours}


@pytest.fixture(scope="module")
def trained(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    env = environment(hub, folder / "machine")
    said = python(SCRIPTS / "tutorial.py", env, str(folder)).stderr
    return Trained(folder, env, json.loads((folder / "history.json").read_text()), said)


def check(run: StoredRun, history: list[dict[str, Any]]) -> None:
    """Every number that the callback was given is there, at its step, with its value."""
    wanted: dict[tuple[str, int], float] = {}
    for logs in history:
        for key, value in logs.items():
            if key not in LEFT_OUT and value is not None:
                wanted[display_key(key), logs["step"]] = value
    assert wanted
    keys = {key for key, _ in wanted}
    found = {(key, step): value for key in keys for step, value in points(run, key)}
    assert {at: found.get(at) for at in wanted} == wanted


def test_a_script_of_trackios_is_recorded_in_full_and_synced(trained: Trained) -> None:
    """One run of the user's own, which `evaluate` after `train` is in too; on the Hub as well."""
    told = trained.told
    (run,) = Api(trained.folder / "machine").runs("my-training")
    assert (run.name, run.state) == ("baseline", "finished")
    check(run, told["sft"])
    assert points(run, "test/loss") == [(4, told["predicted"]["test_loss"])]
    assert "space alice/curves is to show this run" in trained.said
    (pulled,) = trained.fetched("alice/curves-data")
    assert pulled.id == run.id
    check(pulled, told["sft"])


def test_a_config_tells_what_its_user_has_set(trained: Trained) -> None:
    """With the names of what is trained; all that the callback tells beside it is below."""
    (run,) = Api(trained.folder / "machine").runs("my-training")
    config = run.config
    assert config["dataset"] == "tiny"
    assert config["per_device_train_batch_size"] == 4
    assert config["model"] == "Qwen2ForCausalLM"
    assert config["args"]["adam_beta1"] == 0.9
    assert config["model_config"]["hidden_size"] == 32
    assert len(config) < 30


def test_trainers_whose_user_has_started_no_run_get_one_each(trained: Trained) -> None:
    """GRPO's with its completions, at the steps of the training."""
    first, second = Api(trained.folder / "machine").runs("rewards")
    assert (first.state, second.state) == ("finished", "finished")
    assert second.name == "second"
    check(first, trained.told["grpo"])
    check(second, trained.told["again"])
    tables = first.tables("completions")
    assert {each.step for each in tables} == {2, 4}
    assert {"prompt", "completion", "advantage"} <= set(tables[0].columns)


def test_a_trainer_may_name_the_space(trained: Trained) -> None:
    """Its user's run is synced there from then on; a model's push brings its own run alone."""
    (late,) = trained.fetched("alice/late-data")
    assert late.project == "late"
    check(late, trained.told["late"])
    (space,) = [tag.partition("spaces/")[2] for tag in trained.told["tags"] if "spaces/" in tag]
    (pushed,) = trained.fetched(f"{space}-data")
    assert (pushed.project, pushed.name) == ("rewards", "second")
    check(pushed, trained.told["again"])


def test_accelerates_tracker_records_its_run(hub: Hub, tmp_path: Path) -> None:
    """By the name `trackio`, as it asks for a distribution too."""
    python(SCRIPTS / "accelerated.py", environment(hub, tmp_path))
    (run,) = Api(tmp_path).runs("loops")
    assert (run.name, run.facts().group, run.config) == ("mine", "g", {"lr": 0.1})
    assert points(run, "loss") == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert run.state == "finished"

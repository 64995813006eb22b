"""The logger of Lightning."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch

import otel_trackio
from tests.trainer.conftest import only_run

pytestmark = [
    pytest.mark.xdist_group("trainer"),
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),
]


def train(out: Path, logger: Any, fails: bool = False) -> None:
    """Four steps of the smallest model there is."""
    lightning = importlib.import_module("lightning.pytorch")

    class Line(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self, lr: float) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch: Any, index: int) -> Any:
            if fails and index == 2:
                raise RuntimeError("out of luck")
            loss = self.layer(batch[0]).pow(2).mean()
            self.log("train/loss", loss)
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)

    data = torch.utils.data.TensorDataset(torch.ones(4, 1))
    trainer = lightning.Trainer(
        default_root_dir=out,
        max_epochs=1,
        log_every_n_steps=1,
        logger=logger,
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    trainer.fit(Line(0.1), torch.utils.data.DataLoader(data))


def logger(**arguments: Any) -> Any:
    return importlib.import_module("otel_trackio.lightning").OtelTrackioLogger(**arguments)


def test_lightning_logs_numbers_and_hyperparameters(tmp_path: Path) -> None:
    """At Lightning's steps; the run stays open, for a test may follow."""
    made = logger(project="p", name="n")
    train(tmp_path, made)
    assert made.experiment.state == "running"
    assert (made.name, made.version) == ("p", made.experiment.id)
    otel_trackio.finish()
    run = only_run()
    assert run.facts().config["lr"] == 0.1
    assert run.history("train/loss")["step"].tolist() == [0, 1, 2, 3]
    assert run.standing().state == "finished"


def test_a_training_that_fails_is_a_run_that_failed(tmp_path: Path) -> None:
    """What it had logged is there."""
    with pytest.raises(RuntimeError, match="out of luck"):
        train(tmp_path, logger(project="p"), fails=True)
    run = only_run()
    assert run.standing().state == "failed"
    assert run.history("train/loss")["step"].tolist() == [0, 1]


def test_a_training_after_one_that_failed_has_a_run(tmp_path: Path) -> None:
    """Of its own, where the run was started here."""
    made = logger(project="p")
    with pytest.raises(RuntimeError, match="out of luck"):
        train(tmp_path, made, fails=True)
    train(tmp_path, made)
    otel_trackio.finish()
    found = otel_trackio.Api().runs("p")
    assert [run.standing().state for run in found] == ["failed", "finished"]
    assert found[1].history("train/loss")["step"].tolist() == [0, 1, 2, 3]


def test_a_users_run_is_theirs_to_end(tmp_path: Path) -> None:
    """A training that fails in it does not end it, and one that ends well makes up for that."""
    with otel_trackio.init("p") as run:
        with pytest.raises(RuntimeError, match="out of luck"):
            train(tmp_path, logger(), fails=True)
        assert only_run().state == "failed"
        run.log({"own": 1})
        train(tmp_path, logger())
    assert only_run().state == "finished"
    assert only_run().history("own")["value"].tolist() == [1]

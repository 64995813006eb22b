"""The tracker of accelerate."""

from __future__ import annotations

import pytest

import otel_trackio
from tests.trainer.conftest import only_run

pytestmark = [
    pytest.mark.xdist_group("trainer"),
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),
]


def test_accelerate_logs_by_name() -> None:
    """`log_with="otel_trackio"`: the project, its config and its numbers, at their steps."""
    otel_trackio.instrument()
    from accelerate import Accelerator

    accelerator = Accelerator(log_with="otel_trackio", cpu=True)
    accelerator.init_trackers(
        "p", config={"lr": 0.1}, init_kwargs={"otel_trackio": {"name": "n", "tags": ["t"]}}
    )
    for step in range(3):
        accelerator.log({"loss": 1 / (step + 1)}, step=step)
    accelerator.end_training()
    run = only_run()
    facts = run.facts()
    assert (facts.project, facts.name, facts.tags) == ("p", "n", ("t",))
    assert facts.config == {"lr": 0.1}
    assert run.history("loss")["value"].tolist() == [1, 1 / 2, 1 / 3]
    assert run.standing().state == "finished"


def test_a_run_that_is_active_is_joined() -> None:
    """Its own project and name stay, and it ends when its user says so."""
    with otel_trackio.init("own", "name"):
        from accelerate import Accelerator

        from otel_trackio.accelerate import OtelTrackioTracker

        accelerator = Accelerator(log_with=OtelTrackioTracker("p"), cpu=True)
        accelerator.init_trackers("p")
        accelerator.log({"loss": 2.0}, step=7)
        accelerator.end_training()
        otel_trackio.log({"loss": 1.0}, step=8)
    run = only_run()
    assert (run.facts().project, run.facts().name) == ("own", "name")
    assert run.history("loss")["step"].tolist() == [7, 8]

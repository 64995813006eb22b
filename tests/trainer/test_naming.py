"""What OpenTelemetry calls what a trainer logs, and what is known to be recorded."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from otel_trackio.names import MAX_NAME
from otel_trackio.semconv import KNOWN, LOG_SCOPE, SYSTEM_SCOPE, Meaning, markdown, meaning_of
from otel_trackio.trainer import seen
from otel_trackio.trainer.mark import Mark, mark_in

TRAIN, EVAL = ("training.phase", "train"), ("training.phase", "eval")


@pytest.mark.parametrize(
    ("key", "meaning"),
    [
        ("train/loss", Meaning("training.loss", "", (TRAIN,))),
        ("eval/loss", Meaning("training.loss", "", (EVAL,))),
        ("loss", Meaning("training.loss")),
        (
            "eval/chess_loss",
            Meaning("training.loss", "", (EVAL, ("training.dataset.name", "chess"))),
        ),
        (
            "train/rewards/short/mean",
            Meaning("training.reward.mean", "", (TRAIN, ("training.reward.name", "short"))),
        ),
        (
            "train/completions/min_terminated_length",
            Meaning("training.completion.terminated.length.min", "{token}", (TRAIN,)),
        ),
        ("time/step", Meaning("training.step.duration", "s")),
        (
            "time/data",
            Meaning("training.step.phase.duration", "s", (("training.step.phase", "data"),)),
        ),
        (
            "profiling/Time taken: GRPOTrainer.compute_loss",
            Meaning(
                "training.function.duration",
                "s",
                (("code.function.name", "GRPOTrainer.compute_loss"),),
            ),
        ),
        ("train/logps/chosen", Meaning("training.log.logps.chosen", "", (TRAIN,))),
        ("My Metric", Meaning("training.log.my_metric")),
    ],
)
def test_meaning_of_keys(key: str, meaning: Meaning) -> None:
    """A display key has one OpenTelemetry name, unit and set of attributes."""
    assert meaning_of(key) == meaning


def test_names_have_one_unit_and_fit() -> None:
    """No name has two units, and none is longer than OpenTelemetry allows."""
    units: dict[str, set[str]] = {}
    for name, unit in KNOWN.values():
        units.setdefault(name, set()).add(unit)
    assert all(len(found) == 1 for found in units.values())
    assert len(meaning_of("x" * 1000).name) == MAX_NAME
    assert all(f"`{name}`" in markdown() for name in units)


def test_system_metrics_keep_their_names() -> None:
    """What belongs to no step is not of training."""
    assert meaning_of("gpu/0/temp", SYSTEM_SCOPE).name == "gpu/0/temp"
    assert meaning_of("gpu/0/temp", LOG_SCOPE).name == "training.log.gpu.0.temp"


def test_other_readers_get_names_and_units() -> None:
    """Another reader of the provider sees train and eval of one name, each with its key."""
    code = """
        import tempfile, otel_trackio
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        reader = InMemoryMetricReader()
        otel_trackio.configure(readers=[reader])
        with otel_trackio.init("p", dir=tempfile.mkdtemp()) as run:
            run.log({"train/loss": 1.0, "eval/loss": 2.0, "train/num_tokens": 3}, step=1)
            run.flush()
            metrics = {
                metric.name: metric
                for resource in reader.get_metrics_data().resource_metrics
                for scope in resource.scope_metrics
                for metric in scope.metrics
            }
        loss = {
            point.attributes["training.phase"]: (point.attributes["otel_trackio.key"], point.value)
            for point in metrics["training.loss"].data.data_points
        }
        assert loss == {"train": ("train/loss", 1.0), "eval": ("eval/loss", 2.0)}, loss
        assert metrics["training.tokens"].unit == "{token}"
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_what_was_seen_is_known() -> None:
    """The copy that transformers hands on is known; other values, steps and keys are not."""
    nan = float("nan")
    seen.remember("r", 3, {"train/loss": 0.5, "train/kl": nan})
    assert seen.is_recorded("r", {"train/loss": 0.5, "train/kl": nan, "train/global_step": 3})
    assert seen.is_recorded("r", {"train/loss": 0.5}, step=3)
    assert seen.is_recorded("r", {"train/loss": 0.5})
    assert not seen.is_recorded("r", {"train/loss": 0.5}, step=4)
    assert not seen.is_recorded("r", {"train/loss": 0.25}, step=3)
    assert not seen.is_recorded("r", {"train/loss": 0.5, "mine": 1}, step=3)
    assert not seen.is_recorded("another run", {"train/loss": 0.5}, step=3)
    assert seen.is_last("r")
    assert not seen.is_last("another run")


def test_what_cannot_be_compared_is_not_known() -> None:
    """An array of several numbers is neither the same as another nor not."""
    seen.remember("r", 3, {"train/loss": np.arange(2)})
    assert not seen.is_recorded("r", {"train/loss": np.arange(2)}, step=3)


def test_a_mark_is_json_whatever_was_counted() -> None:
    """Else a checkpoint could not be saved."""
    state = SimpleNamespace(stateful_callbacks={}, log_history=[])
    counts: list[Any] = [7, np.int64(7), np.float32(7)]
    for count in counts:
        Mark("r", count).put_into(state)
        state.stateful_callbacks = json.loads(json.dumps(state.stateful_callbacks))
        assert mark_in(state) == Mark("r", 7)

"""What is logged: at which step, from where, and of what kind."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import otel_trackio
from otel_trackio.trainer import seen
from tests.trackio.conftest import only_run, points


def test_the_step_is_that_of_the_training(trackio: Any) -> None:
    """An explicit step, else the trainer's beside the numbers, else its last, else one more."""
    trackio.init(project="p")
    trackio.log({"own": 1.0})
    trackio.log({"own": 2.0})
    trackio.log({"train/loss": 0.5, "train/global_step": 10})
    trackio.log({"test/loss": 0.4})
    trackio.log({"profiling": 0.1}, step=12)
    trackio.log({"reward": 3.0})
    trackio.log({"train/loss": 0.3, "train/global_step": 20})
    trackio.finish()
    run = only_run()
    assert points(run, "own") == [(0, 1.0), (1, 2.0)]
    assert points(run, "train/loss") == [(10, 0.5), (20, 0.3)]
    assert points(run, "test/loss") == [(10, 0.4)]
    assert points(run, "profiling") == [(12, 0.1)]
    assert points(run, "reward") == [(12, 3.0)]
    assert "train/global_step" not in {each.key for each in run.metrics()}


def test_what_is_logged_again_after_a_training_has_steps_of_its_own(trackio: Any) -> None:
    """A loop without steps is a curve, and not one point that is written over."""
    trackio.init(project="p")
    trackio.log({"train/loss": 0.5, "train/global_step": 10})
    for value in (1.0, 2.0, 3.0):
        trackio.log({"accuracy": value})
    trackio.finish()
    assert points(only_run(), "accuracy") == [(10, 1.0), (11, 2.0), (12, 3.0)]


def test_tables_stay_at_the_step_of_the_training(trackio: Any) -> None:
    """TRL logs its completions again with the summary: a step may have several."""
    trackio.init(project="p")
    trackio.log({"train/loss": 0.5, "train/global_step": 4})
    for _ in range(2):
        trackio.log({"completions": trackio.Table(["text"], [["a"]])})
    trackio.finish()
    assert [each.step for each in only_run().tables("completions")] == [4, 4]


def test_a_block_with_a_step_sets_it(trackio: Any) -> None:
    """`otel_trackio.step` counts here, too, and goes before where the trainer was."""
    trackio.init(project="p")
    trackio.log({"train/loss": 0.5, "train/global_step": 4})
    with otel_trackio.step(7):
        trackio.log({"a": 1.0})
    trackio.finish()
    assert points(only_run(), "a") == [(7, 1.0)]


def test_values_of_every_kind_are_recorded(trackio: Any) -> None:
    """0-d arrays, numpy scalars, huge integers, NaN, nested dicts and names that were reserved."""
    trackio.init(project="p")
    odd = {"step": 1, "time": 2, "run": 3, "project": 4, "metrics": 5, "timestamp": 6, "__x": 7}
    trackio.log(
        {
            "zero-d": np.array(1.5),
            "scalar": np.float32(2.5),
            "huge": 2**70,
            "nan": float("nan"),
            "nested": {"a": {"b": 3}},
            **odd,
        }
    )
    trackio.finish()
    run = only_run()
    found = {each.key: each.last for each in run.metrics() if each.scope.endswith(".log")}
    assert np.isnan(found.pop("nan"))  # type: ignore[arg-type]
    assert found == {"zero-d": 1.5, "scalar": 2.5, "huge": 2**70, "nested/a/b": 3, **odd}


def test_tensors_are_recorded(trackio: Any) -> None:
    """0-d ones and those of one element."""
    torch = pytest.importorskip("torch")
    trackio.init(project="p")
    trackio.log({"a": torch.tensor(1.5, requires_grad=True), "b": torch.tensor([2])})
    trackio.finish()
    assert {each.key: each.last for each in only_run().metrics()} == {"a": 1.5, "b": 2}


def test_other_threads_may_log(trackio: Any) -> None:
    """All of them, into the one run, and none of it is lost."""
    trackio.init(project="p")

    def work(number: int) -> None:
        for step in range(50):
            trackio.log({f"thread/{number}": step}, step=step)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    trackio.finish()
    run = only_run()
    for number in range(4):
        assert [step for step, _ in points(run, f"thread/{number}")] == list(range(50))


def test_what_an_instrument_has_recorded_is_not_recorded_again(trackio: Any) -> None:
    """The same numbers at the same step are dropped; others, and other steps, are not."""
    run = trackio.init(project="p")
    run.run.log({"train/loss": 0.5, "train/epoch": 1.0}, 2)
    seen.remember(run.run.id, 2, {"train/loss": 0.5, "train/epoch": 1.0})
    trackio.log({"train/loss": 0.5, "train/epoch": 1.0, "train/global_step": 2})
    trackio.log({"train/loss": 0.5, "own": 1.0, "train/global_step": 2})
    trackio.log({"train/loss": 0.4, "train/global_step": 3})
    seen.remember(run.run.id, 5, {"train/loss": 0.3})
    trackio.log({"train/loss": 0.3, "train/global_step": 5})
    trackio.log({"beside": 1.0})
    trackio.finish()
    assert points(only_run(), "train/loss") == [(2, 0.5), (2, 0.5), (3, 0.4)]
    assert points(only_run(), "own") == [(2, 1.0)]
    assert points(only_run(), "beside") == [(5, 1.0)]


def test_system_metrics_have_a_time_and_no_step(trackio: Any) -> None:
    """As `log_system` gives them."""
    trackio.init(project="p")
    trackio.log_system({"gpu/0/temp": 50.0})
    trackio.finish()
    (metric,) = only_run().metrics()
    assert (metric.key, metric.last, metric.last_step) == ("gpu/0/temp", 50.0, None)


def test_a_step_that_is_none_stops_nothing(trackio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, counted, and the number is recorded."""
    monkeypatch.setenv("OTEL_TRACKIO_RAISE", "0")
    run = trackio.init(project="p")
    trackio.log({"a": 1.0}, step="three")
    trackio.log("no dict")
    trackio.finish()
    assert points(only_run(), "a") == [(0, 1.0)]
    assert run.run.diagnostics.counts()["bad_step"] == 1
    assert run.run.diagnostics.counts()["log.failed"] == 1


def test_media_are_made_as_trackio_makes_them(trackio: Any) -> None:
    """A table, an image, a text, a conversation, and a histogram of numpy's."""
    trackio.init(project="p")
    counts, edges = np.histogram([1.0, 2.0, 2.5, 4.0], bins=3)
    trackio.log(
        {
            "table": trackio.Table(columns=["a"], data=[[1]], log_mode="MUTABLE"),
            "image": trackio.Image(np.zeros((2, 3, 3), np.uint8), caption="black"),
            "text": trackio.Markdown("# hello"),
            "trace": trackio.Trace([{"role": "user", "content": "hi"}], metadata={"r": 1}),
            "drawn": trackio.Histogram([1.0, 2.0], num_bins=4),
            "counted": trackio.Histogram(np_histogram=(counts, edges)),
        },
        step=3,
    )
    trackio.finish()
    run = only_run()
    kinds = ("table", "image", "markdown", "trace")
    assert [(each.key, each.step) for kind in kinds for each in run.records(kind)] == [
        ("table", 3),
        ("image", 3),
        ("text", 3),
        ("trace", 3),
    ]
    (counted,) = run.histograms("counted")
    assert counted.data["count"] == 4
    assert counted.data["bounds"] == edges.tolist()
    assert len(run.histograms("drawn")[0].data["bounds"]) == 5


def test_a_histogram_that_makes_no_sense_is_skipped(trackio: Any) -> None:
    """Of nothing, of both, or of counts that are none."""
    run = trackio.init(project="p")
    for number, each in enumerate(
        (
            trackio.Histogram(),
            trackio.Histogram([1.0], np_histogram=([1], [0.0, 1.0])),
            trackio.Histogram(np_histogram=([0.5], [0.0, 1.0])),
        )
    ):
        trackio.log({f"h{number}": each})
    trackio.finish()
    assert run.run.diagnostics.counts()["skipped.unsupported"] == 3

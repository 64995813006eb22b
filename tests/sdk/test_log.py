"""What `log` takes, and what it makes of what it cannot take."""

from __future__ import annotations

import logging
import math
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

import otel_trackio
from otel_trackio import Api, Histogram


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")


def values(run: otel_trackio.Run, key: str, **options: Any) -> list[Any]:
    found = Api().run(run.id).history(key, **options)["value"].tolist()
    assert isinstance(found, list)
    return found


class Tensor:
    """Stands for what torch and jax hand over: a scalar behind `item()`."""

    def __init__(self, value: Any, shape: tuple[int, ...] = ()) -> None:
        self.value, self.shape = value, shape

    def item(self) -> Any:
        return self.value


def test_values_of_every_kind() -> None:
    """Numbers of any library are exact; what is no number is skipped, warned of and counted."""
    with otel_trackio.init("p") as run:
        run.log(
            {
                "int": 2**53 + 1,
                "huge": -(2**80),
                "zero": -0.0,
                "bool": True,
                "np": {"f4": np.float32(0.1), "i8": np.int64(-5), "0d": np.array(2.5)},
                "tensor": Tensor(3),
                "one": Tensor(4.5, (1,)),
                "none": None,
                "text": "high",
                "vector": np.zeros(3),
                "many": Tensor(None, (2, 2)),
            },
            step=0,
        )
    assert values(run, "int") == [2**53 + 1]
    assert values(run, "huge") == [-(2**80)]
    assert math.copysign(1, values(run, "zero")[0]) == -1
    assert values(run, "np/f4") == [float(np.float32(0.1))]
    assert [values(run, key) for key in ("np/i8", "np/0d", "tensor", "one")] == [
        [-5],
        [2.5],
        [3],
        [4.5],
    ]
    assert run.diagnostics.counts() == {"skipped.unsupported": 4}
    assert Api().run(run.id).standing().dropped == {"skipped.unsupported": 4}


def test_unsupported_values_warn_once_a_key(caplog: pytest.LogCaptureFixture) -> None:
    """The warning names the key and the remedy, and is not repeated."""
    with otel_trackio.init("p") as run:
        for _ in range(3):
            run.log({"x": np.zeros(3), "y": None})
    assert caplog.text.count("metric 'x' has shape (3,): log a scalar such as .mean()") == 1
    assert caplog.text.count("metric 'y' is None") == 1
    assert run.diagnostics.counts()["skipped.unsupported"] == 6


def test_logged_histograms_come_back() -> None:
    """`Histogram(values)` keeps what an OpenTelemetry histogram does."""
    with otel_trackio.init("p") as run:
        run.log({"w": Histogram([1.0, 2.0, 2.0, math.nan], bins=2), "x": 1}, step=4)
    [histogram] = Api().run(run.id).histograms("w")
    assert histogram.step == 4
    assert histogram.data == {
        "count": 3,
        "nonfinite": 1,
        "sum": 5.0,
        "min": 1.0,
        "max": 2.0,
        "bounds": [1.0, 1.5, 2.0],
        "counts": [1, 0, 2, 0],
    }


def test_nonfinite_values_are_exact_and_counted() -> None:
    """NaN and infinities are points like others, and `training.nonfinite` counts them."""
    with otel_trackio.init("p") as run:
        for value in (1.0, math.nan, math.inf, -math.inf):
            run.log({"loss": value})
    np.testing.assert_equal(values(run, "loss"), [1.0, math.nan, math.inf, -math.inf])
    assert values(run, "training.nonfinite{otel_trackio.key=loss}") == [3]


def test_bad_steps_are_reported_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A step that is no integer is named; the metrics get the next step."""
    monkeypatch.delenv("OTEL_TRACKIO_RAISE")
    with otel_trackio.init("p") as run:
        run.log({"x": 1}, step=4)
        run.log({"x": 2}, step="five")  # type: ignore[arg-type]
        run.log({"x": 3}, step=2**63)
        run.log({"x": 4}, step=np.int32(9))
    assert Api().run(run.id).history("x")["step"].tolist() == [4, 5, 6, 9]
    assert "step 'five' is not an integer" in caplog.text
    assert run.diagnostics.counts() == {"bad_step": 2}


def test_wrong_calls_never_break_training(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`log` of what is no dict is reported, counted, and training goes on."""
    monkeypatch.delenv("OTEL_TRACKIO_RAISE")
    with otel_trackio.init("p") as run:
        run.log(3.5)  # type: ignore[arg-type]
        run.log({"x": 1})
    assert values(run, "x") == [1]
    assert "pass a dict of names and numbers" in caplog.text


def test_system_metrics_have_a_time_and_no_step() -> None:
    """`log_system` does not move the step, and its points have none."""
    with otel_trackio.init("p") as run:
        run.log({"x": 1})
        run.log_system({"gpu/temp": 61})
        run.log({"x": 2})
    stored = Api().run(run.id)
    assert stored.history("x")["step"].tolist() == [0, 1]
    history = stored.history("gpu/temp")
    assert np.ma.getmaskarray(history["step"]).tolist() == [True]
    assert history["time"][0] > 0


def test_alerts_are_kept_with_their_step() -> None:
    """An alert has title, text, level and the step of the moment."""
    with otel_trackio.init("p") as run:
        run.log({"x": 1}, step=12)
        run.alert("loss is NaN", "at epoch 3", level="error")
    [alert] = Api().run(run.id).alerts()
    assert alert.data == {"title": "loss is NaN", "text": "at epoch 3", "level": "error"}
    assert alert.step == 12


def test_any_thread_may_log() -> None:
    """Threads share the run; none of their calls is lost."""
    with otel_trackio.init("p") as run:

        def log() -> None:
            for each in range(500):
                run.log({"x": each})

        threads = [threading.Thread(target=log) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    history = Api().run(run.id).history("x")
    assert history["step"].tolist() == list(range(2000))


def test_more_shapes_than_layouts_are_kept_too() -> None:
    """Calls of thousands of different shapes are stored like any other."""
    with otel_trackio.init("p") as run:
        for number in range(5000):
            run.log({f"k{number % 100}": number, f"j{number}": 1.0}, step=number)
    stored = Api().run(run.id)
    assert stored.standing().points == 10_000
    assert stored.history("j4999")["value"].tolist() == [1.0]
    assert stored.history("k7")["value"].tolist() == list(range(7, 5000, 100))


def test_a_call_larger_than_the_journal_allows_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call with more keys than a frame holds arrives whole."""
    monkeypatch.setenv("OTEL_TRACKIO_JOURNAL_SIZE", "64KiB")
    with otel_trackio.init("p") as run:
        run.log({f"layer/{number}/weight": float(number) for number in range(3000)}, step=1)
    stored = Api().run(run.id)
    assert stored.standing().points == 3000
    assert stored.history("layer/2999/weight")["value"].tolist() == [2999.0]


def test_a_journal_that_stays_full_drops_and_counts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A loop that outruns the disk waits for room first; nothing is dropped while it can be."""
    monkeypatch.setenv("OTEL_TRACKIO_JOURNAL_SIZE", "64KiB")
    with otel_trackio.init("p") as run:
        for number in range(20_000):
            run.log({"x": number}, step=number)
    assert values(run, "x") == list(range(20_000))
    assert run.diagnostics.counts() == {}


def test_log_works_where_the_signal_handler_logs_too() -> None:
    """A signal handler may log in the middle of a log, and neither is lost."""
    code = """if True:
        import signal, otel_trackio
        run = otel_trackio.init("p")
        handled = 0
        def handler(*_):
            global handled
            run.log({"handled": handled}, step=handled)
            handled += 1
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        for number in range(30000):
            run.log({"x": number}, step=number)
        signal.setitimer(signal.ITIMER_REAL, 0)
        run.finish()
        print(handled)
    """
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    [stored] = Api().runs()
    assert len(stored.history("x")["value"]) == 30_000
    assert len(stored.history("handled", all=True)["value"]) == int(done.stdout)


def test_errors_repeat_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What goes wrong again and again is counted each time and logged rarely."""
    monkeypatch.delenv("OTEL_TRACKIO_RAISE")
    with otel_trackio.init("p") as run, caplog.at_level(logging.WARNING):
        for _ in range(100):
            run.log({"x": 1}, step=0.5)  # type: ignore[arg-type]
    assert len(caplog.records) == 1
    assert run.diagnostics.counts() == {"bad_step": 100}


def test_numbers_follow_the_order_of_recording_over_both_ways() -> None:
    """A key that `log` and an instrument share keeps the order in which they took turns."""
    gauge = otel_trackio.get_meter("turns").create_gauge("shared")
    with otel_trackio.init("p") as run:
        for number in range(0, 60, 2):
            with otel_trackio.step(0):
                gauge.set(number)
            run.log({"shared": number + 1}, step=0)
            if number % 20 == 0:
                run.flush()
    assert values(run, "shared", all=True) == list(range(60))
    assert values(run, "shared") == [59]


def test_text_that_is_no_unicode_is_spelled_out() -> None:
    """Lone surrogates, which no store can hold, stop nothing: they are escaped everywhere."""
    with otel_trackio.init("p\ud800", "n\ud801", config={"c\ud802": "\ud803"}) as run:
        run.log({"a\ud804": 1})
        run.log_system({"b\ud805": 2})
        run.alert("title\ud806", "text\ud807")
        gauge = otel_trackio.get_meter("m").create_gauge("surrogate", description="d\ud808")
        gauge.set(1, {"k": "v"})
        run.log({"fine": 3})
    assert run.diagnostics.counts() == {}
    assert values(run, "a\\ud804") == [1]
    assert values(run, "b\\ud805") == [2]
    assert values(run, "fine") == [3]
    assert Api().run(run.id).facts().config == {"c\\ud802": "\\ud803"}


def test_integers_no_one_can_read_are_refused() -> None:
    """An integer of thousands of digits is skipped and counted; a large one is exact."""
    with otel_trackio.init("p") as run:
        run.log({"huge": 10**5000, "large": 2**4000})
    assert values(run, "large") == [2**4000]
    assert run.diagnostics.counts() == {"skipped.unsupported": 1}


@pytest.mark.parametrize(
    "extremes", [[1.0, math.nextafter(1.0, 2)], [-1.7e308, 1.7e308], [5.0, 5.0], []]
)
def test_histograms_of_any_values(extremes: list[float]) -> None:
    """No finite values are too close or too far apart; all of them are counted."""
    data = Histogram(extremes).data
    assert sum(data["counts"]) == data["count"] == len(extremes)
    assert len(data["counts"]) == len(data["bounds"]) + 1
    assert data["bounds"] == sorted(set(data["bounds"]))


def test_a_counter_that_shares_its_key_is_shown_alike_everywhere() -> None:
    """`history`, buckets and `metrics` agree on a key that `log` and a counter share."""
    counter = otel_trackio.get_meter("shares").create_counter("both")
    for resume in ("allow", "must"):
        with otel_trackio.init("p", id="twice", resume=resume) as run:
            for _ in range(3):
                counter.add(10)
                run.flush()
            run.log({"both": 1.0}, step=7)
    stored = Api().run("twice")
    shown = stored.history("both", all=True)["value"].tolist()
    [curve] = Api().query([stored], ["both"], "time")
    [metric] = [each for each in stored.metrics() if each.key == "both"]
    assert shown == [10, 20, 30, 1, 10, 20, 30, 1]
    assert curve.buckets.max.max() == metric.max == 30
    assert metric.last == curve.buckets.last[-1] == 1


@pytest.mark.parametrize("values_and_bins", [("abc", 8), ([1 + 2j], 8), ([1.0], "auto"), ([1], -2)])
def test_what_is_no_histogram_is_skipped(values_and_bins: Any, caplog: Any) -> None:
    """Making one of what holds no numbers raises nothing; logging it warns and is counted."""
    with otel_trackio.init("p") as run:
        run.log({"w": Histogram(*values_and_bins), "x": 1})
    assert values(run, "x") == [1]
    assert run.diagnostics.counts() == {"skipped.unsupported": 1}
    assert "metric 'w' is no histogram" in caplog.text

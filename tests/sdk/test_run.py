"""Starting, recording and ending runs through the public functions."""

from __future__ import annotations

import logging
import math
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import otel_trackio
from otel_trackio import Api, ConfigError, Histogram


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")


def values(run: otel_trackio.Run, key: str, **options: Any) -> list[Any]:
    found = Api().run(run.id).history(key, **options)["value"].tolist()
    assert isinstance(found, list)
    return found


def test_run_is_visible_from_the_start() -> None:
    """A run can be found, with its config, before anything is logged."""
    run = otel_trackio.init("p", "first", config={"lr": 0.1}, group="g", tags=["t"], notes="n")
    stored = Api().run("p/first")
    facts = stored.facts()
    assert (facts.name, facts.project, facts.group) == ("first", "p", "g")
    assert (facts.tags, facts.notes, facts.config) == (("t",), "n", {"lr": 0.1})
    assert stored.standing().state == run.state == "running"
    run.finish()
    assert stored.standing().state == run.state == "finished"


def test_what_log_returned_is_seen_at_once() -> None:
    """Readers see what was logged before it is stored."""
    with otel_trackio.init("p") as run:
        run.log({"x": 1}, step=3)
        assert values(run, "x") == [1]


def test_exception_in_the_block_fails_the_run() -> None:
    """The error is kept with the state, and raised all the same."""
    with pytest.raises(ZeroDivisionError), otel_trackio.init("p") as run:
        run.log({"x": 1})
        raise ZeroDivisionError("by hand")
    stored = Api().run(run.id)
    assert stored.standing().state == "failed"
    assert values(run, "x") == [1]


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        ("", "finished"),
        ("raise SystemExit(0)", "finished"),
        ("raise RuntimeError('boom')", "failed"),
        ("run.finish(exit_code=3)", "failed"),
        ("import os; os._exit(0)", "crashed"),
    ],
)
def test_state_tells_how_the_process_ended(ending: str, state: str) -> None:
    """However a process ends, what it logged is there and the state says how it went."""
    code = f"import otel_trackio; run = otel_trackio.init('p'); run.log({{'x': 7}})\n{ending}"
    subprocess.run([sys.executable, "-c", code], capture_output=True)
    [stored] = Api().runs()
    assert stored.standing().state == state
    assert stored.history("x")["value"].tolist() == [7]


def test_finish_is_idempotent_and_logging_afterwards_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A second `finish` does nothing; a late `log` warns, is counted and breaks nothing."""
    run = otel_trackio.init("p")
    run.finish()
    run.finish(exit_code=1)
    run.log({"x": 1})
    assert run.state == "finished"
    assert run.diagnostics.counts() == {"dropped.finished": 1}
    assert "call init()" in caplog.text


def test_second_init_finishes_the_first_unless_it_is_the_same() -> None:
    """`init` of another run ends the active one; naming the active one returns it."""
    first = otel_trackio.init("p", "a")
    assert otel_trackio.init("p", "a", config={"later": 1}) is first
    assert otel_trackio.init(id=first.id) is first
    assert first.config["later"] == 1
    second = otel_trackio.init("p", "b")
    assert first.state == "finished"
    second.finish()


def test_module_functions_need_a_run() -> None:
    """`log` before `init` says what to do."""
    with pytest.raises(ConfigError, match=r"call otel_trackio\.init\(\) first"):
        otel_trackio.log({"x": 1})
    otel_trackio.finish()


def test_resume_goes_on_with_a_run() -> None:
    """A resumed run is a new attempt: steps go on, config stays, and redone steps win."""
    with otel_trackio.init("p", "r", config={"lr": 1}) as first:
        for step in range(5):
            first.log({"x": step})
    with otel_trackio.init("p", "r", resume="must") as second:
        assert (second.id, second.attempt) == (first.id, 2)
        assert second.config["lr"] == 1
        second.log({"x": 50})
        second.log({"x": 30}, step=3)
    history = Api().run(first.id).history("x")
    assert history["step"].tolist() == [0, 1, 2, 3, 4, 5]
    assert history["value"].tolist() == [0, 1, 2, 30, 4, 50]


def test_resume_rules() -> None:
    """An id that exists, or that has to, and does not: both are said before anything is logged."""
    otel_trackio.init("p", id="mine").finish()
    with pytest.raises(ConfigError, match="exists already"):
        otel_trackio.init("p", id="mine")
    with pytest.raises(ConfigError, match="no run 'other'"):
        otel_trackio.init("p", id="other", resume="must")
    with pytest.raises(ConfigError, match="no run p/none"):
        otel_trackio.init("p", "none", resume="must")
    otel_trackio.init("p", id="other", resume="allow").finish()
    assert [run.id for run in Api().runs()] == ["mine", "other"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "onlin"}, "cannot use mode='onlin'; give one of online, offline, disabled"),
        ({"resume": "yes"}, "cannot use resume='yes'"),
        ({"name": "a", "run_name": "b"}, "give one of them"),
    ],
)
def test_bad_arguments_name_value_and_remedy(arguments: Any, message: str) -> None:
    """A bad argument raises before the run starts."""
    with pytest.raises(ConfigError, match=message):
        otel_trackio.init("p", **arguments)


def test_disabled_run_takes_everything_and_writes_nothing(tmp_path: Path) -> None:
    """`mode="disabled"` needs no change to the script."""
    with otel_trackio.init("p", mode="disabled", config={"a": 1}) as run:
        run.log({"x": 1})
        run.alert("nothing")
        run.summary["best"] = 1
        assert run.config.a == 1
    assert (run.state, run.path) == ("disabled", None)
    assert list(tmp_path.rglob("*")) == []


def test_config_and_summary_are_saved_when_they_change() -> None:
    """Changes are there at once; secrets never are."""
    with otel_trackio.init("p", config={"api_key": "s3cret"}) as run:
        run.config.update(lr=0.5, nested={"password": "x", "layers": 2})
        run.config.seed = 7
        run.summary["best"] = math.inf
        facts = Api().run(run.id).facts()
    assert facts.config == {
        "api_key": "[redacted]",
        "lr": 0.5,
        "nested": {"password": "[redacted]", "layers": 2},
        "seed": 7,
    }
    assert facts.summary == {"best": "Infinity"}
    assert b"s3cret" not in b"".join(p.read_bytes() for p in Path(run.path or "").iterdir())


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
        "counts": [0, 1, 2, 0],
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
        threads = [
            threading.Thread(target=lambda: [run.log({"x": each}) for each in range(500)])
            for _ in range(4)
        ]
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


def test_start_and_finish_say_little(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """At most three lines at the start and one at the end, on stderr alone."""
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "0")
    run = otel_trackio.init("p", "talks")
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.splitlines()) <= 3
    assert "p/talks" in err
    assert str(run.path) in err
    run.finish()
    out, err = capfd.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)


def test_default_names_are_readable_and_distinct() -> None:
    """Runs without a name get one that no other run has."""
    names = set()
    for _ in range(5):
        with otel_trackio.init() as run:
            assert run.project == "default"
            names.add(run.name)
    assert len(names) == 5


def test_environment_names_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """TRACKIO_PROJECT, then OTEL_SERVICE_NAME, name the project."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "service")
    with otel_trackio.init() as run:
        assert run.project == "service"
    monkeypatch.setenv("TRACKIO_PROJECT", "trackio")
    with otel_trackio.init() as run:
        assert run.project == "trackio"


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


def test_import_touches_nothing(tmp_path: Path) -> None:
    """Importing makes no folder, no thread and no logger output."""
    code = "import threading, otel_trackio; print(threading.active_count())"
    environ = {**os.environ, "OTEL_TRACKIO_DIR": str(tmp_path / "none")}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1\n", "")
    assert not (tmp_path / "none").exists()


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

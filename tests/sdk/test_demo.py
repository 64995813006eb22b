"""The demo, as its user sees it and as its runs are read back; a few epochs are enough for both."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import numpy as np
import pytest
from click.testing import CliRunner

from otel_trackio import Api, ConfigError, MissingExtra, dashboard
from otel_trackio.cli import main as program
from otel_trackio.demo import main
from otel_trackio.storedrun import StoredRun

EPOCHS = 4
STEPS = EPOCHS * 45
IMAGES = EPOCHS * 1437
TRAINED = ("train/loss", "train/accuracy", "train/gradient_norm", "train/learning_rate")
EVALUATED = ("eval/loss", "eval/accuracy")


@pytest.fixture
def output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """The lines that a short demo prints where there are 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    main(tmp_path, EPOCHS)
    printed = capsys.readouterr()
    assert printed.err == ""
    return [line.rstrip() for line in printed.out.splitlines()]


@pytest.fixture
def runs(tmp_path: Path, output: list[str]) -> Iterator[list[StoredRun]]:
    """The runs of that demo."""
    recorded = Api(tmp_path).runs()
    yield recorded
    for run in recorded:
        run.close()


def diverging(runs: list[StoredRun]) -> list[StoredRun]:
    return [run for run in runs if run.facts().group == "lr=2"]


def test_six_runs_in_three_groups_are_recorded_half_of_them_each_way(
    runs: list[StoredRun],
) -> None:
    """Each group has a run through log() and one through the meter API, and all of them end well.

    Their config says what they trained with.
    """
    facts = [run.facts() for run in runs]
    assert Counter((each.group, each.config["recorded_via"]) for each in facts) == {
        (f"lr={rate}", way): 1 for rate in ("0.01", "0.1", "2") for way in ("log()", "meter")
    }
    assert {(each.project, each.tags, each.config["epochs"]) for each in facts} == {
        ("digits-demo", ("demo",), EPOCHS)
    }
    assert {run.standing().state for run in runs} == {"finished"}


@pytest.mark.parametrize("key", TRAINED)
def test_every_step_is_there_whichever_way_it_was_recorded(runs: list[StoredRun], key: str) -> None:
    """What is measured each step has one point for each, even where it is NaN."""
    for run in runs:
        assert run.history(key)["step"].tolist() == list(range(STEPS))
        assert len(run.history(key, all=True)["step"]) == STEPS


def test_both_ways_count_the_same_images(runs: list[StoredRun]) -> None:
    """The counter's running total is what log() was given as a total."""
    totals = {tuple(run.history("train/images")["value"].tolist()) for run in runs}
    assert len(totals) == 1
    assert totals.pop()[-1] == IMAGES


def test_each_epoch_is_evaluated(runs: list[StoredRun]) -> None:
    """An evaluation belongs to the last step of its epoch."""
    ends = list(range(44, STEPS, 45))
    for run in runs:
        for key in EVALUATED:
            assert run.history(key)["step"].tolist() == ends


def test_histograms_hold_every_weight_and_every_duration(runs: list[StoredRun]) -> None:
    """log() keeps the weights of each epoch, the meter API how long each step took."""
    for run in runs:
        if run.facts().config["recorded_via"] == "log()":
            weights = [each.data for each in run.histograms("weights")]
            assert [each["count"] + each["nonfinite"] for each in weights] == [64 * 32] * EPOCHS
        else:
            durations = [each.data for each in run.histograms("train/step_duration")]
            assert sum(each["count"] for each in durations) == STEPS
            assert all(each["min"] > 0 for each in durations)


def test_good_learning_rates_learn_and_a_high_one_diverges_and_says_so(
    runs: list[StoredRun],
) -> None:
    """The alert of a run that diverged names the first step whose loss is not finite."""
    for run in runs:
        loss = run.history("train/loss")["value"]
        lost = np.flatnonzero(~np.isfinite(loss))
        assert [alert.step for alert in run.alerts()] == lost[:1].tolist()
        counts = {metric.key: metric.nonfinite for metric in run.metrics()}
        assert counts["train/loss"] == len(lost)
        accuracy = run.history("eval/accuracy")["value"]
        assert run.facts().summary == {"best_accuracy": max(accuracy)}
        if run in diverging(runs):
            assert np.isnan(loss[-1])
        else:
            assert not len(lost)
            assert max(accuracy) > 0.9


def test_the_report_shows_the_runs_and_where_to_go_on(
    output: list[str], runs: list[StoredRun], tmp_path: Path
) -> None:
    """It fits 80 columns, but for the commands, which are whole and name what was recorded."""
    commands = [line.split() for line in output if line.startswith("  otel-trackio ")]
    assert [command[1] for command in commands] == ["sync", "ls", "info", "get", "watch", "rm"]
    assert all(command[-2:] == ["--dir", str(tmp_path)] for command in commands)
    assert commands[-1][2:-2] == [run.facts().name for run in runs]
    with Api(tmp_path).run(commands[2][2]) as best:
        assert best.facts().group != "lr=2"
    text = [line for line in output if str(tmp_path) not in line]
    assert max(map(len, text)) <= 80
    for run in runs:
        alerts = [line for line in text if run.facts().name in line and line.startswith("✕")]
        assert len(alerts) == (run in diverging(runs))


def test_the_parquet_holds_the_runs_and_answers_the_query_that_is_shown(
    output: list[str], runs: list[StoredRun], tmp_path: Path
) -> None:
    """It runs as it is printed, without us; what it finds is printed below it."""
    start = output.index("  import pyarrow.dataset as ds")
    program = dedent("\n".join(output[start : output.index("", start + 2)]))
    told = "print(*best['run'].to_pylist(), *best['value_max'].to_pylist())"
    options: dict[str, Any] = {"capture_output": True, "text": True, "check": True}
    ran = subprocess.run([sys.executable, "-c", f"{program}\n{told}"], **options).stdout.split()
    best = {run.id: max(run.history("eval/accuracy")["value"].tolist()) for run in runs}
    found = dict(zip(ran[:6], map(float, ran[6:]), strict=True))
    assert found == best
    assert list(found.values()) == sorted(best.values(), reverse=True)
    answer = [line.split() for line in output if line.split()[:1] and line.split()[0] in best]
    names = {run.id: run.facts().name for run in runs}
    assert answer == [[id, f"{best[id]:.4f}", names[id]] for id in list(found)[:3]]


def test_it_ends_with_the_dashboard_and_runs_that_still_train(tmp_path: Path) -> None:
    """Until Ctrl-C, which ends those runs as finished; the lines say how to remove them."""
    command = (sys.executable, "-m", "otel_trackio", "--dir", str(tmp_path), "demo")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        address = next(line.strip() for line in demo.stdout if "http://" in line)
        named = next(demo.stdout).partition("otel-trackio rm ")[2].split()
        url = httpx.URL(address)
        assert (url.host, url.params["project"]) == ("127.0.0.1", "digits-demo")
        seen = set[str]()
        while len(seen) < 2:
            runs = httpx.get(url.join("/api/runs"), params=url.params, timeout=60).json()["runs"]
            seen = {run["name"] for run in runs if run["state"] == "running" and run["points"]}
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
    assert named == [*sorted(seen, key=named.index), "--dir", str(tmp_path)]
    with Api(tmp_path) as api:
        assert len(api.runs()) == 8
        assert {run.standing().state for run in api.runs()} == {"finished"}


def test_without_the_dashboard_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rest is there all the same."""
    monkeypatch.setattr(dashboard, "entry_points", lambda **wanted: [])
    main(tmp_path, 1, serve=True)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "To see them in a browser: pip install 'otel-trackio[space]'"


def test_json_is_a_document_of_the_runs_it_recorded(tmp_path: Path) -> None:
    """As `ls` has them, and nothing else is printed."""
    ran = CliRunner().invoke(program, ["demo", "--json", "--dir", str(tmp_path)])
    assert (ran.exit_code, ran.stderr) == (0, "")
    told = json.loads(ran.stdout)
    with Api(tmp_path) as api:
        assert [each["id"] for each in told] == [run.id for run in api.runs()]
    assert {(each["project"], each["state"]) for each in told} == {("digits-demo", "finished")}


def test_without_scikit_learn_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is recorded then."""
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtra, match="pip install 'scikit-learn'"):
        main(tmp_path)
    assert Api(tmp_path).runs() == []


@pytest.mark.parametrize(
    ("variable", "value"), [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACKIO_MODE", "disabled")]
)
def test_where_recording_is_disabled_it_says_by_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """There would be nothing to show."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=f"{variable} disables recording; unset it"):
        main(tmp_path)

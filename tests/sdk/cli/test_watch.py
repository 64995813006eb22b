"""Watching a run while it goes on."""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING

import pytest

import otel_trackio
from otel_trackio import Api
from otel_trackio.cli.view import Watched

if TYPE_CHECKING:
    from tests.sdk.cli.conftest import Program

FAST = ("--interval", "0.1")


def test_once_shows_state_plot_and_the_other_metrics(program: Program) -> None:
    """The first loss is drawn where nothing was asked for; the rest are summed up."""
    shown = program("watch", "small", "--once")
    first, *lines = shown.splitlines()
    assert first.startswith("digits/small  finished, step 99, 204 points, ")
    assert "train/loss  0.01  from 0.01 to 1" in lines
    assert any("1.00┤" in line for line in lines)
    assert any(line.split() == ["0", "99"] for line in lines)
    assert ["train/lr", "0.1", "0.1", "0.1"] in [line.split() for line in lines]
    assert not any(line.startswith("weights") for line in lines)


def test_metrics_that_are_named_are_drawn(program: Program) -> None:
    """By pattern too, and over time where they have no steps; what is not finite is counted."""
    shown = program("watch", "small", "gpu/*", "eval/accuracy", "--once")
    assert "gpu/temperature  72  from 71 to 72" in shown
    assert "eval/accuracy  0.5  from 0 to 0.5" in shown
    odd = program("watch", "odd", "odd, value", "--once")
    assert "3 not finite" in odd


def test_once_json_has_the_last_values(program: Program) -> None:
    """One document: the run as `ls` has it, and the last value of each metric."""
    found = program.json("watch", "small", "--once")
    assert found["name"] == "small"
    assert found["last"]["train/loss"] == 0.01
    assert found["last"]["gpu/temperature"] == 72
    assert found["last"].keys() == {"train/loss", "train/lr", "eval/accuracy", "gpu/temperature"}


def test_it_follows_a_run_to_its_end(own: Program) -> None:
    """Without a terminal it prints a line for each change, the last one with the final state."""
    run = otel_trackio.init("p", "live", dir=own.dir)
    run.log({"x/loss": 1.5}, 0)
    seen = threading.Event()

    def finish() -> None:
        seen.wait(0.5)
        run.log({"x/loss": 0.25}, 1)
        run.finish()

    thread = threading.Thread(target=finish)
    thread.start()
    lines = own("watch", "live", *FAST).splitlines()
    thread.join()
    assert lines[0] == "p/live  running, step 0, 1 point  x/loss 1.5"
    assert lines[-1] == "p/live  finished, step 1, 2 points  x/loss 0.25"
    assert len(lines) == len(set(lines)) <= 4


def test_it_waits_for_a_metric_that_is_not_there_yet(own: Program) -> None:
    """And says so; once the run is over a metric that never came is an error."""
    with otel_trackio.init("p", "live", dir=own.dir) as run:
        run.log({"train/loss": 1}, 0)
        shown = own("watch", "live", "tran/loss", "--once")
        assert "waiting: no metric 'tran/loss'; did you mean 'train/loss'?" in shown
    assert own.refusal("watch", "live", "tran/loss", "--once")[0] == 1


def test_a_run_without_metrics_can_be_watched(own: Program) -> None:
    """There is just nothing to draw."""
    with otel_trackio.init("p", "empty", dir=own.dir):
        assert own("watch", "empty", "--once").startswith("p/empty  running, 0 points")


def test_each_look_sees_what_is_new(own: Program) -> None:
    """A metric that appears later is there, and one that goes on has its new value."""
    with otel_trackio.init("p", "live", dir=own.dir) as run, Api(own.dir).run("live") as stored:
        watched = Watched(stored, ["a", "b"])
        run.log({"a": 1}, 0)
        assert list(watched.look().document()["last"].items()) == [("a", 1.0)]
        assert watched.look() == watched.look()
        run.log({"b": 2, "a": 3}, 1)
        assert watched.look().document()["last"] == {"a": 3.0, "b": 2.0}


@pytest.mark.parametrize("form", ["lines", "json"])
def test_ctrl_c_ends_the_watching_and_not_the_run(own: Program, form: str) -> None:
    """The exit code is 0, and nothing is complained of."""
    with otel_trackio.init("p", "live", dir=own.dir) as run:
        run.log({"loss": 1}, 0)
        options = ["--json"] if form == "json" else []
        with own.start("watch", "live", *FAST, *options) as watching:
            assert watching.stdout is not None
            assert watching.stderr is not None
            first = watching.stdout.readline()
            watching.send_signal(signal.SIGINT)
            assert watching.wait(60) == 0
            assert watching.stderr.read() == ""
        assert run.state == "running"
    if form == "json":
        assert json.loads(first)["last"] == {"loss": 1.0}
    else:
        assert first.startswith("p/live  running, step 0, ")
        assert first.endswith("  loss 1\n")

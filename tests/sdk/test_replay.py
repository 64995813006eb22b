"""Stored runs are sent to an OTLP endpoint, by `otel-trackio replay`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

import otel_trackio
from otel_trackio import courier
from tests.collector.sinks import TAKEN, Answer, Sink, serving, until, unused_port
from tests.sdk.test_sender import logged


def everything(count: int) -> list[float]:
    return [float(step) for step in range(count)]


def replayed(dir: Path, url: str, *arguments: str, status: int = 0) -> str:
    """What `otel-trackio replay` says."""
    command = [sys.executable, "-m", "otel_trackio", "replay", *arguments]
    done = subprocess.run(
        [*command, "--to", url, "--dir", str(dir)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def test_replay_sends_what_is_new_and_again_everything(tmp_path: Path) -> None:
    """Runs that were recorded for nobody, too; what an endpoint has is not sent to it again."""
    for name in ("a", "b"):
        with otel_trackio.init("p", name, dir=tmp_path) as run:
            for step in range(10):
                run.log({"x": float(step)}, step)
    with serving() as sink:
        assert "nothing new to send" in replayed(tmp_path, sink.url)  # None was meant for it.
        assert "1 run, 10 points sent" in replayed(tmp_path, sink.url, "p/a")
        assert "1 run, 10 points sent" in replayed(tmp_path, sink.url, "--all")
        assert "nothing new to send" in replayed(tmp_path, sink.url, "p")
        assert Counter(sink.values()) == dict.fromkeys(everything(10), 2)
        assert "2 runs, 20 points sent" in replayed(tmp_path, sink.url, "--again")


def test_replay_of_a_long_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folded points go in their order, each once, however many there are."""
    monkeypatch.setenv("OTEL_TRACKIO_FOLD_POINTS", "500")
    with otel_trackio.init("p", dir=tmp_path, id="one") as run:
        for step in range(20_000):
            run.log({"x": float(step), "y": -1.0 - step}, step)
    with serving() as sink:
        assert "40,000 points sent" in replayed(tmp_path, sink.url, "one")
        found = sink.values()
        assert [each for each in found if each >= 0] == everything(20_000)
        assert [-1 - each for each in found if each < 0] == everything(20_000)
        assert len(sink.bodies) >= 40_000 // courier.MAX_POINTS


def test_replay_says_what_keeps_it(tmp_path: Path) -> None:
    """Nobody there, or not for us: exit code 1, the remedy, and another call goes on."""
    with otel_trackio.init("p", dir=tmp_path, id="one") as run:
        run.log({"x": 1.0}, 1)
    port = unused_port()
    url = f"http://127.0.0.1:{port}"
    assert "call it again later" in replayed(tmp_path, url, "one", status=1)
    with serving(lambda number, body: Answer(401), port) as sink:
        assert "look at the credentials" in replayed(tmp_path, url, "one", status=1)
    with serving(lambda number, body: Answer(400, b"no such tenant"), port) as sink:
        assert "no such tenant; look at the endpoint" in replayed(tmp_path, url, "one", status=1)
    with serving(port=port) as sink:
        replayed(tmp_path, url, "one")
        assert sink.values() == [1.0]


def test_replay_counts_what_is_refused(tmp_path: Path) -> None:
    """The rest is sent; exit code 1 says that not all arrived."""
    with otel_trackio.init("p", dir=tmp_path, id="one") as run:
        for step in range(10):
            run.log({"x": float(step)}, step)

    def behave(number: int, body: bytes) -> Answer:
        odd = 7.0 in Sink(lambda number, body: TAKEN, bodies=[body]).values()
        return Answer(400, b"seven") if odd else TAKEN

    with serving(behave) as sink:
        said = replayed(tmp_path, sink.url, "one", status=1)
    assert "9 points sent" in said
    assert "does not take 1 points: 400 Bad Request: seven" in said
    assert "1 point refused" in said


def test_headers_go_to_their_own_endpoint_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever replays to another endpoint does not give it the secret of the first."""
    with otel_trackio.init("p", dir=tmp_path, id="one") as run:
        run.log({"x": 1.0}, 1)
    monkeypatch.setenv("OTEL_TRACKIO_OTLP_HEADERS", "authorization=sesame")
    with serving() as sink:
        replayed(tmp_path, sink.url, "one")
        assert sink.headers[-1]["authorization"] == "sesame"
        monkeypatch.setenv("OTEL_TRACKIO_OTLP_ENDPOINT", "http://far:4318")
        assert "not sent here" in replayed(tmp_path, sink.url, "one", "--again")
        assert "authorization" not in sink.headers[-1]


def test_counters_go_on_where_they_stood(tmp_path: Path) -> None:
    """Running totals from the beginning of the run, whatever the requests; so do `replay`'s."""
    with serving() as sink, serving() as other:
        run = otel_trackio.init("p", dir=tmp_path, otlp_endpoint=sink.url, id="one")
        counter = otel_trackio.get_meter("user").create_counter("tokens")
        for turn in range(1, 4):
            counter.add(turn)
            run.flush()
            until(lambda: len(sums(sink)) == turn)  # noqa: B023
        run.finish()
        replayed(tmp_path, other.url, "one")
        assert [value for _, value in sums(sink)][:3] == [1, 3, 6]
        assert sums(other) == sums(sink)[:3]


def sums(sink: Sink) -> list[tuple[int, int]]:
    """Starts and values of sums, in the order in which they came."""
    return [
        (point.start_time_unix_nano, point.as_int)
        for body in list(sink.bodies)
        for scope in ExportMetricsServiceRequest.FromString(body).resource_metrics[0].scope_metrics
        for metric in scope.metrics
        for point in metric.sum.data_points
    ]


def test_how_far_it_is_behind_is_shown(tmp_path: Path) -> None:
    """By `ls` and `info`, beside remotes."""
    with serving() as sink:
        run = logged(tmp_path, sink.url)
        run.finish()
        port = sink.url.rpartition(":")[2]
    assert "all of it" in shown(tmp_path, "info", "one")
    run = otel_trackio.init("p", dir=tmp_path, otlp_endpoint=f"http://127.0.0.1:{port}", id="two")
    run.log({"x": 1.0})
    run.finish()
    told = shown(tmp_path, "info", "two")
    assert re.search(rf"127.0.0.1:{port}/v1/metrics: \d values and events behind", told)


def test_a_slip_of_the_pen_is_not_owed_for_ever(tmp_path: Path) -> None:
    """A run that is not all where it was meant for is, once replayed, meant for where it is."""
    run = otel_trackio.init("p", dir=tmp_path, otlp_endpoint="http://127.0.0.1:1", id="one")
    run.log({"x": 1.0}, 1)
    run.finish(timeout=1)
    assert "behind" in shown(tmp_path, "info", "one")
    with serving() as sink:
        replayed(tmp_path, sink.url, "one")
        told = shown(tmp_path, "info", "one")
        assert f"{sink.url}/v1/metrics: all of it" in told
        assert "behind" not in told


def test_a_wrong_address_is_told_by_the_option_that_has_it(tmp_path: Path) -> None:
    """With what an address looks like."""
    said = replayed(tmp_path, "localhost:4318", status=2)
    assert "--to is 'localhost:4318'; give a URL such as http://localhost:4318" in said


def shown(dir: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "otel_trackio", *arguments, "--dir", str(dir)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "300"}
    return subprocess.run(
        command, env=environ, check=True, stdout=subprocess.PIPE, text=True
    ).stdout

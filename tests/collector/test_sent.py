"""What a training program records reaches a collector, every point of it, exactly once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import otel_trackio
from otel_trackio import Api
from otel_trackio.reader import RunFileReader
from otel_trackio.runfile import REPLICA
from tests.collector.certificates import Authority
from tests.collector.process import Running, running
from tests.collector.sending import FLAGS, FREE, Training, histories, states
from tests.collector.sinks import until, unused_port
from tests.collector.timeseries import Prometheus

MEASURED = """
import math, time, otel_trackio
run = otel_trackio.init("digits", "all kinds", group="g", config={"lr": 0.1})
meter = otel_trackio.get_meter("user")
tokens, pending = meter.create_counter("tokens", "{token}"), meter.create_up_down_counter("queue")
seconds, reward = meter.create_counter("seconds", "s"), meter.create_gauge("reward")
lengths = meter.create_histogram("lengths")
meter.create_observable_counter("seen", [lambda _: [otel_trackio_seen()]])

def otel_trackio_seen():
    from opentelemetry.metrics import Observation
    return Observation(run.points)

for step in range(400):
    odd = math.nan if step == 7 else math.inf if step == 8 else -0.0
    run.log({"train/loss": 1 / (step + 1), "eval/loss": step / 3, "odd": odd, "n": step}, step)
    with otel_trackio.step(step):
        tokens.add(step, {"split": "train"})
        seconds.add(0.1)
        pending.add(1 if step % 2 else -1)
        reward.set(step / 7)
        lengths.record(step)
    if step % 100 == 0:
        run.log({"weights": otel_trackio.Histogram([1.0, 2.0, step])}, step)
        run.log_system({"temperature": 40 + step / 10})
        time.sleep(0.5)
run.log({"late": 1}, step=3)
run.log({"big": 2**53 + 1, "huge": -(2**63)}, step=-5)
run.finish()
"""

LOGGED = """
import itertools, otel_trackio
run = otel_trackio.init("digits", id={id!r}, resume="allow")
for step in itertools.count():
    run.log({{"loss": 1 / (step + 1), "n": step}}, step)
    if step % 100 == 0:
        print(step, flush=True)
        if input() == "end":
            break
run.finish()
"""


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Running]:
    with running(FLAGS, tmp_path / "collected") as it:
        yield it


def endpoint(it: Running) -> str:
    return f"http://{it.endpoint('otlp/http')}"


def test_every_point_of_every_kind_arrives(tmp_path: Path, collector: Running) -> None:
    """One variable is all: what the collector's runs hold is what was recorded, steps, times and
    values, with the run's names and its end."""
    training = Training(MEASURED, tmp_path / "own", endpoint(collector))
    training.end()
    until(collector.caught_up)
    [recorded] = histories(tmp_path / "own").items()
    [received] = histories(tmp_path / "collected").items()
    assert set(recorded[1]) > {"train/loss", "eval/loss", "odd", "tokens{split=train}", "lengths"}
    assert received == recorded
    assert "all of it sent" in training.said
    [run] = Api(tmp_path / "collected").runs()
    assert (run.project, run.name, run.state) == ("digits", "all kinds", "finished")
    assert run.facts().group == "g"


def test_nothing_is_lost_while_a_collector_is_away(tmp_path: Path) -> None:
    """Dead at first, then killed, then back: training goes on, and every point arrives once."""
    port = unused_port()
    flags = [*FLAGS, "--http", f"127.0.0.1:{port}"]
    training = Training(LOGGED.format(id="one"), tmp_path / "own", f"http://127.0.0.1:{port}")
    for _ in range(3):
        training.line()
        training.tell()
    until(lambda: "is kept, and tried again" in training.said)
    for place in range(3):
        with running(flags, tmp_path / "collected") as it:
            before = points(tmp_path / "collected")
            until(lambda: points(tmp_path / "collected") > before)  # noqa: B023
            if place == 2:
                training.line()
                training.tell("end")
                training.end()
                until(it.caught_up)
            else:
                it.kill()
                training.line()
                training.tell()
    recorded = histories(tmp_path / "own")
    assert len(recorded["one"]["n"]) >= 501
    assert histories(tmp_path / "collected") == recorded


def points(dir: Path) -> int:
    with Api(dir) as api:
        return sum(run.standing().points for run in api.runs())


def test_what_a_killed_program_left_is_sent_by_the_next(tmp_path: Path, collector: Running) -> None:
    """SIGKILL in the midst of it: what `log` returned arrives, sent by another run in that folder;
    what is the run's own comes first."""
    killed = Training(LOGGED.format(id="killed"), tmp_path / "own", endpoint(collector))
    for _ in range(20):
        killed.line()
        killed.tell()
    assert killed.line() == "2000"
    killed.kill()
    following = Training(LOGGED.format(id="following"), tmp_path / "own", endpoint(collector))
    assert following.line() == "0"
    until(lambda: len(histories(tmp_path / "collected").get("killed", {}).get("n", ())) == 2001)
    following.tell("end")
    following.end()
    until(collector.caught_up)
    assert histories(tmp_path / "collected") == histories(tmp_path / "own")


def test_sigterm_sends_what_there_is(tmp_path: Path, collector: Running) -> None:
    """A scheduler that ends the program costs no point, and the collector hears of the failure."""
    training = Training(LOGGED.format(id="one"), tmp_path / "own", endpoint(collector))
    for _ in range(3):
        training.line()
        training.tell()
    training.line()
    training.process.send_signal(signal.SIGTERM)
    assert training.process.wait(60) == -signal.SIGTERM
    training.kill()
    until(collector.caught_up)
    assert states(tmp_path / "collected") == {"one": "failed"}
    assert len(histories(tmp_path / "collected")["one"]["n"]) == 301
    assert histories(tmp_path / "collected") == histories(tmp_path / "own")


FORKED = """
import os, otel_trackio
run = otel_trackio.init("digits", id="one")
run.log({"x": 1}, 1)
child = os.fork()
if child == 0:
    run.log({"x": 2}, 2)
    run.finish()
    os._exit(0)
os.waitpid(child, 0)
killed = os.fork()
if killed == 0:
    run.log({"x": 3}, 3)
    os.kill(os.getpid(), 9)
os.waitpid(killed, 0)
run.log({"x": 4}, 4)
run.finish()
"""


def test_what_forked_children_log_is_sent_along(tmp_path: Path, collector: Running) -> None:
    """One that ended well, and one that was killed; the run has finished all the same."""
    Training(FORKED, tmp_path / "own", endpoint(collector)).end()
    until(collector.caught_up)
    recorded, received = (histories(tmp_path / each)["one"]["x"] for each in ("own", "collected"))
    assert [row[2] for row in sorted(received)] == list("1234")
    assert sorted(received) == sorted(recorded)
    assert states(tmp_path / "collected") == {"one": "finished"}


def test_whatever_is_killed_nothing_is_lost(
    tmp_path: Path, size: Callable[[int, int], int]
) -> None:
    """Programs and collectors, in turn and at once, again and again: in the end the collector has
    every point that a `log` returned from, once."""
    port = unused_port()
    flags, at = [*FLAGS, "--http", f"127.0.0.1:{port}"], f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        it = stack.enter_context(running(flags, tmp_path / "collected"))
        for turn in range(size(3, 40)):
            training = Training(LOGGED.format(id="one"), tmp_path / "own", at)
            for _ in range(20 * turn % 70 + 1):
                training.line()
                training.tell()
            if turn % 3 != 1:
                it.kill()
            if turn % 3 != 2:
                training.kill()
            if it.process.poll() is not None:
                it = stack.enter_context(running(flags, tmp_path / "collected"))
            if turn % 3 == 2:
                training.line()
                training.tell("end")
                training.end()
        last = Training(LOGGED.format(id="one"), tmp_path / "own", at)
        last.line()
        until(lambda: points(tmp_path / "collected") == points(tmp_path / "own"))
        last.tell("end")
        last.end()
        until(it.caught_up)
    recorded, received = (histories(tmp_path / each)["one"] for each in ("own", "collected"))
    assert sorted(received["n"]) == sorted(recorded["n"])
    assert sorted(received["loss"]) == sorted(recorded["loss"])


TOKEN = "s3cret-of-the-collector"
GUARDED = """
receivers:
  otlp:
    protocols:
      http: {{endpoint: "127.0.0.1:{port}", auth: {{authenticator: bearertokenauth}}}}
extensions:
  bearertokenauth: {{token: "{token}"}}
  health_check: {{endpoint: "127.0.0.1:0"}}
exporters: {{otel_trackio: }}
service:
  extensions: [bearertokenauth, health_check]
  pipelines: {{metrics: {{receivers: [otlp], exporters: [otel_trackio]}}}}
"""


def test_a_wrong_token_keeps_what_the_right_one_sends(tmp_path: Path) -> None:
    """401: the run goes on, says what to do, and `replay` brings it; no token is told anywhere."""
    path = tmp_path / "collector.yaml"
    path.write_text(GUARDED.format(port=0, token=TOKEN))
    with running(["--config", str(path)], tmp_path / "collected") as it:
        wrong = {"OTEL_TRACKIO_OTLP_HEADERS": "authorization=Bearer%20wr0ng-t0ken"}
        training = Training(LOGGED.format(id="one"), tmp_path / "own", endpoint(it), **wrong)
        training.line()
        training.tell("end")
        training.end()
        assert "look at the credentials in OTEL_TRACKIO_OTLP_HEADERS" in training.said
        assert "wait to be sent: otel-trackio replay one --to http" in training.said
        assert histories(tmp_path / "collected") == {}
        code = "from otel_trackio.cli import main; main(['replay'])"
        right = {"OTEL_TRACKIO_OTLP_HEADERS": f"authorization=Bearer%20{TOKEN}"}
        replay = Training(code, tmp_path / "own", endpoint(it), **right)
        assert "1 run, 2 points sent" in replay.line()
        replay.end()
        until(it.caught_up)
        assert histories(tmp_path / "collected") == histories(tmp_path / "own")
    for file in (file for file in tmp_path.rglob("*") if file.is_file() and file != path):
        content = file.read_bytes()
        assert TOKEN.encode() not in content, file
        assert b"wr0ng-t0ken" not in content, file


def test_tls_with_the_files_that_the_standard_variables_name(tmp_path: Path) -> None:
    """The server is known by its authority, the program by its own certificate."""
    authority = Authority(tmp_path / "certificates")
    server, client = authority.sign("server"), authority.sign("client")
    path = tmp_path / "collector.yaml"
    path.write_text(
        f"""
receivers:
  otlp:
    protocols:
      http:
        endpoint: "{FREE}"
        tls:
          cert_file: {server.cert}
          key_file: {server.key}
          client_ca_file: {authority.pair.cert}
extensions: {{health_check: {{endpoint: "{FREE}"}}}}
exporters: {{otel_trackio: }}
service:
  extensions: [health_check]
  pipelines: {{metrics: {{receivers: [otlp], exporters: [otel_trackio]}}}}
"""
    )
    files = {
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(authority.pair.cert),
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(client.cert),
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(client.key),
    }
    with running(["--config", str(path)], tmp_path / "collected") as it:
        at = f"https://{it.endpoint('otlp/http')}"
        stranger = Training(LOGGED.format(id="one"), tmp_path / "own", at)
        stranger.line()
        stranger.tell("end")
        stranger.end()
        assert "CERTIFICATE_VERIFY_FAILED" in stranger.said
        assert "wait to be sent" in stranger.said
        known = Training(LOGGED.format(id="two"), tmp_path / "own", at, **files)
        known.line()
        until(lambda: "one" in histories(tmp_path / "collected"))
        known.tell("end")
        known.end()
        until(it.caught_up)
    assert histories(tmp_path / "collected") == histories(tmp_path / "own")


def test_runs_from_elsewhere_are_replayed(tmp_path: Path, collector: Running) -> None:
    """What was pulled from a remote, and what another tracker recorded: every point, once, and
    who syncs it."""
    remote, own = tmp_path / "remote", tmp_path / "own"
    with otel_trackio.init("digits", dir=own, remote=str(remote), id="pulled") as run:
        for step in range(100):
            run.log({"train/loss": 1 / (step + 1), "n": step}, step)
            run.log({"weights": otel_trackio.Histogram([1.0, step])}, step)
    (tmp_path / "other.csv").write_text("step,loss,tokens/s\n" + "0,0.5,7\n1,0.25,8\n")
    here = tmp_path / "here"
    for arguments in (["pull", str(remote)], ["import", "csv", str(tmp_path / "other.csv")]):
        here.mkdir(exist_ok=True)
        told_program(*arguments, "--dir", str(here))
    told = told_program("replay", "--all", "--to", endpoint(collector), "--dir", str(here))
    assert "2 runs, 304 points sent" in told
    until(collector.caught_up)
    assert histories(tmp_path / "collected") == histories(here)
    [file] = (tmp_path / "collected/runs/pulled").glob("*.db")
    assert RunFileReader(file).meta()[REPLICA].startswith("otlp:")


def told_program(*arguments: str) -> str:
    """What `otel-trackio` prints."""
    command = [sys.executable, "-m", "otel_trackio", *arguments]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout


def test_a_prometheus_behind_it_has_every_step(tmp_path: Path) -> None:
    """What `log` recorded is there sample by sample, in one series over a restart of the run."""
    with Prometheus(tmp_path / "prometheus") as server:
        flags = [*FLAGS, "--to", f"prometheusremotewrite={server.write_url}"]
        with running(flags, tmp_path / "collected") as it:
            for _ in range(2):
                training = Training(PACED, tmp_path / "own", endpoint(it))
                training.end()
            until(it.caught_up)
            found = server.samples('training_loss{job="digits",instance="one"}')
            steps = server.samples('training_step{instance="one"}')
            counted = server.samples('tokens_total{instance="one"}')
    with Api(tmp_path / "own") as api:
        recorded = api.run("one").history("train/loss", all=True)
    assert [moment for moment, _ in found] == [t // 10**6 for t in recorded["time"].tolist()]
    assert [value for _, value in found] == recorded["value"].tolist()
    assert {value for _, value in steps} == set(range(100))
    assert [value for _, value in counted] == [*map(float, range(1, 51)), *map(float, range(1, 51))]


PACED = """
import time, otel_trackio
run = otel_trackio.init("digits", id="one", resume="allow")
tokens = otel_trackio.get_meter("user").create_counter("tokens")
first = 0 if run.attempt == 1 else 50
for step in range(first, first + 50):
    run.log({"train/loss": 1 / (step + 1)}, step)
    tokens.add(1)
    time.sleep(0.003)  # Prometheus has one sample of a series in a millisecond.
run.finish()
"""

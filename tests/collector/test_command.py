"""`otel-trackio collector` as a process: it runs, says how it stands, drains, and survives."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from otel_trackio import Api
from otel_trackio_collector.otlpgrpc import METHOD
from tests.collector.made import gauge
from tests.collector.process import asked, running
from tests.collector.sinks import PROTOBUF, TAKEN, Answer, serving, until, unused_port

FREE = "127.0.0.1:0"
RUN = {"service.name": "digits", "service.instance.id": "one"}


def config(dir: Path, sink: str, port: int = 0, drain: str = "30s") -> Path:
    path = dir / "collector.yaml"
    path.write_text(
        f"""
receivers:
  otlp:
    protocols: {{grpc: {{endpoint: "{FREE}"}}, http: {{endpoint: "127.0.0.1:{port}"}}}}
processors: {{batch: }}
exporters:
  otel_trackio:
  otlp_http:
    endpoint: {sink}
    headers: {{Authorization: "Bearer ${{env:SINK_TOKEN:-hidden}}"}}
    retry_on_failure: {{initial_interval: 100ms, max_interval: 200ms}}
  file: {{path: {dir / "out.jsonl"}}}
extensions: {{health_check: {{endpoint: "{FREE}"}}}}
request_log: {{drain_timeout: {drain}}}
service:
  extensions: [health_check]
  pipelines:
    metrics: {{receivers: [otlp], processors: [batch], exporters: [otel_trackio, otlp_http, file]}}
"""
    )
    return path


def post(endpoint: str, body: bytes) -> httpx.Response:
    url = f"http://{endpoint}/v1/metrics"
    return httpx.post(url, content=body, headers=PROTOBUF, timeout=60.0)


def test_a_request_goes_everywhere(tmp_path: Path) -> None:
    """By gRPC and by HTTP: what is acknowledged becomes a run, a line, and a request to others."""
    with serving() as sink, running(["--config", str(config(tmp_path, sink.url))], tmp_path) as it:
        assert post(it.endpoint("otlp/http"), gauge("loss", [1.0, 2.0], resource=RUN)).is_success
        with grpc.insecure_channel(it.endpoint("otlp/grpc")) as channel:
            export: Any = channel.unary_unary(METHOD)
            export(gauge("loss", [3.0], began=2.0, resource=RUN), timeout=60)
        until(it.caught_up)
        assert sink.values() == [1.0, 2.0, 3.0]
        assert sink.headers[0]["Authorization"] == "Bearer hidden"
        assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2
        [run] = Api(tmp_path).runs()
        assert run.history("loss")["value"].tolist() == [1.0, 2.0, 3.0]


def test_it_answers_for_itself(tmp_path: Path) -> None:
    """Alive, ready, in numbers under the official names, and as a table with what went wrong."""
    dead = f"http://127.0.0.1:{unused_port()}"
    path = config(tmp_path, dead)
    with running(["--config", str(path)], tmp_path) as it:
        assert post(it.endpoint("otlp/http"), gauge("loss", [1.0, 2.0])).is_success
        until(lambda: it.caught_up("otel_trackio", "file"))
        until(lambda: it.exporters()["otlp_http"]["failures"])
        for each in ("/", "/healthz", "/readyz"):
            assert it.ask(each).status_code == 200
        metrics = it.ask("/metrics").text.splitlines()
        accepted = 'otelcol_receiver_accepted_metric_points{receiver="otlp",transport="http"} 2'
        assert accepted in metrics
        assert 'otelcol_exporter_sent_metric_points{exporter="file"} 2' in metrics
        counted = (
            'otel_trackio_exporter_counted_metric_points{exporter="otel_trackio",what="stored"} 2'
        )
        assert counted in metrics
        assert 'otel_trackio_exporter_lag_metric_points{exporter="otlp_http"} 2' in metrics
        path.write_text(path.read_text().replace("hidden", "${env:OF_THE_COLLECTOR_ALONE}"))
        shown = asked("status", "--config", str(path), dir=tmp_path)
        assert shown.returncode == 0, shown.stderr
        assert "ConnectError" in shown.stdout
        assert "2 stored" in shown.stdout
        told = json.loads(asked("status", "--json", dir=tmp_path).stdout)
        assert [each["name"] for each in told["exporters"]] == ["otel_trackio", "otlp_http", "file"]
        assert it.end() == 0
    gone = asked("status", dir=tmp_path)
    assert gone.returncode == 1
    assert "no collector runs" in gone.stderr
    assert "hidden" not in it.said + shown.stdout + json.dumps(told)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_all_is_sent(tmp_path: Path, number: int) -> None:
    """Told to end, it takes no more, sends what it has, and says so in its log."""
    gate = threading.Event()

    def slow(number: int, body: bytes) -> Answer:
        gate.wait(60)
        return TAKEN

    with (
        serving(slow) as sink,
        running(["--config", str(config(tmp_path, sink.url))], tmp_path) as it,
    ):
        endpoint = it.endpoint("otlp/http")
        for value in range(20):
            assert post(endpoint, gauge("loss", [float(value)])).is_success
        it.process.send_signal(number)
        until(lambda: '"message": "stopping"' in it.said)
        gate.set()
        assert it.process.wait(60) == 0
        assert sink.values() == [float(each) for each in range(20)]
    events = [json.loads(line) for line in it.said.splitlines()]
    assert {"time", "level", "logger", "message"} <= events[0].keys()
    assert events[-1]["message"] == "stopped"
    assert events[-1]["all_sent"] is True


def test_a_drain_has_a_deadline(tmp_path: Path) -> None:
    """What cannot be sent by then goes after the next start: none is lost."""
    stuck = threading.Event()

    def behave(number: int, body: bytes) -> Answer:
        stuck.wait(60)
        return TAKEN

    with serving(behave) as sink:
        path = config(tmp_path, sink.url, drain="300ms")
        with running(["--config", str(path)], tmp_path) as it:
            assert post(it.endpoint("otlp/http"), gauge("loss", [1.0])).is_success
            until(lambda: sink.asked)
            assert it.end() == 0
        assert json.loads(it.said.splitlines()[-1])["left"] == {"otlp_http": 1}
        stuck.set()
        taken = len(sink.bodies)
        with running(["--config", str(path)], tmp_path) as it:
            until(lambda: len(sink.bodies) > taken)
            until(it.caught_up)
    assert 1.0 in sink.values()


def test_told_twice_it_ends_at_once(tmp_path: Path) -> None:
    """Who does not want to wait for the drain says so again; what was not sent goes next time."""
    stuck = threading.Event()

    def behave(number: int, body: bytes) -> Answer:
        stuck.wait(60)
        return TAKEN

    with serving(behave) as sink:
        path = config(tmp_path, sink.url, drain="1h")
        with running(["--config", str(path)], tmp_path) as it:
            assert post(it.endpoint("otlp/http"), gauge("loss", [1.0])).is_success
            until(lambda: sink.asked)
            it.process.send_signal(signal.SIGTERM)
            until(lambda: '"message": "stopping"' in it.said)
            assert it.end() == -signal.SIGTERM
        gone = asked("status", dir=tmp_path)
        assert gone.returncode == 1
        assert "no collector answers at" in gone.stderr
        stuck.set()
        with running(["--config", str(path)], tmp_path) as it:
            until(it.caught_up)
    assert 1.0 in sink.values()


def test_one_collector_a_folder(tmp_path: Path) -> None:
    """A second one on the same folder is refused with the remedy, and harms the first one not."""
    flags = ["--grpc", FREE, "--http", FREE, "--health", FREE]
    with running(flags, tmp_path) as it:
        second = asked(*flags, dir=tmp_path)
        assert second.returncode != 0
        assert "is in use; stop the other collector, or name another folder" in second.stderr
        assert "Traceback" not in second.stderr
        assert post(it.endpoint("otlp/http"), gauge("loss", [1.0])).is_success
        assert it.ask("/readyz").status_code == 200


def test_it_says_when_it_has_no_room(tmp_path: Path) -> None:
    """It is alive, and not ready, while the log can keep nothing for its never-skipped store."""
    path = config(tmp_path, "http://127.0.0.1:1")
    path.write_text(path.read_text().replace("request_log: {", "request_log: {max_bytes: 1000, "))
    with running(["--config", str(path)], tmp_path) as it:
        assert post(it.endpoint("otlp/http"), gauge("loss", range(1_000))).status_code == 503
        assert it.ask("/healthz").status_code == 200
        answer = it.ask("/readyz")
        assert answer.status_code == 503
        assert "the request log has no room now: free the disk, raise" in answer.text
        shown = asked("status", "--config", str(path), dir=tmp_path).stdout
        assert "\nnot ready: the request log has no room now: free the disk, raise" in shown


def test_https_where_http_is_taken(tmp_path: Path) -> None:
    """Senders that try https again and again are told of in one line, with the likely reason."""
    flags = ["--grpc", FREE, "--http", FREE, "--health", FREE]
    with running(flags, tmp_path) as it:
        for _ in range(3):
            with pytest.raises(httpx.ConnectError):
                httpx.get(f"https://{it.endpoint('otlp/http')}/v1/metrics", timeout=60.0)
        assert it.ask("/readyz").is_success
        until(lambda: "its sender may speak https" in it.said)
    assert it.said.count("its sender may speak https") == 1
    assert "Invalid HTTP request" not in it.said


def test_status_of_another_port(tmp_path: Path) -> None:
    """Asked at the port that takes OTLP, it says which port answers, and gives no web address."""
    flags = ["--grpc", FREE, "--http", FREE, "--health", FREE]
    with running(flags, tmp_path) as it:
        wrong = asked("status", "--at", it.endpoint("otlp/http"), dir=tmp_path)
    assert wrong.returncode == 1
    assert "is no health port of this collector; name that by --at" in wrong.stderr
    assert "https://" not in wrong.stderr


def test_a_full_log_blames_only_what_there_is(tmp_path: Path) -> None:
    """Where no runs are kept, the remedy for a log without room does not speak of their store."""
    path = config(tmp_path, "http://127.0.0.1:1")
    text = path.read_text().replace("request_log: {", "request_log: {max_bytes: 1000, ")
    path.write_text(text.replace("  otel_trackio:\n", "").replace("[otel_trackio, ", "["))
    with running(["--config", str(path)], tmp_path) as it:
        answer = it.ask("/readyz")
        assert answer.status_code == 503
        assert "free the disk, or raise request_log.max_bytes" in answer.text
        assert "otel_trackio" not in answer.text


def test_flags_are_enough(tmp_path: Path) -> None:
    """Without a file: `--to` sends on, and runs are stored."""
    with serving() as sink:
        flags = ["--to", f"otlp_http={sink.url}", "--dir", str(tmp_path)]
        flags += ["--grpc", FREE, "--http", FREE, "--health", FREE]
        with running(flags, tmp_path) as it:
            assert post(it.endpoint("otlp/http"), gauge("loss", [1.0], resource=RUN)).is_success
            until(it.caught_up)
            assert it.end() == 0
        assert sink.values() == [1.0]
        assert len(list(Api(tmp_path).runs())) == 1


def test_validate(tmp_path: Path) -> None:
    """It says what is wrong and where, or what changes nothing, and that the rest is valid."""
    path = config(tmp_path, "https://example.org")
    found = asked("validate", "--config", str(path), dir=tmp_path)
    assert found.returncode == 0, found.stderr
    assert f"{path}:5: processors.batch is not needed here" in found.stdout
    assert found.stdout.endswith("valid: otlp to otel_trackio, otlp_http, file\n")
    path.write_text(path.read_text().replace("endpoint: https", "endpont: https"))
    found = asked("validate", "--config", str(path), dir=tmp_path)
    assert found.returncode == 2
    assert f"{path}:9: no key 'endpont' in exporters.otlp_http" in found.stderr
    assert "did you mean endpoint?" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """It is an error that names the port, at once, and nothing is left running."""
    with serving() as sink:
        taken = sink.url.removeprefix("http://")
        flags = ["--grpc", FREE, "--http", taken, "--health", FREE]
        found = asked(*flags, dir=tmp_path)
    assert found.returncode == 2
    assert taken in found.stderr
    assert "Traceback" not in found.stderr


class Senders:
    """Threads that send one numbered value after another, each until it is acknowledged."""

    def __init__(self, url: str, threads: int = 4) -> None:
        self.acknowledged: list[float] = []
        self._url = url
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(number, threads)) for number in range(threads)
        ]
        for each in self._threads:
            each.start()

    def stop(self) -> None:
        self._stop.set()
        for each in self._threads:
            each.join()

    def _send(self, value: int, step: int) -> None:
        with httpx.Client(timeout=60.0) as client:
            while not self._stop.is_set():
                body = gauge("loss", [float(value)], began=value, resource=RUN)
                try:
                    taken = client.post(self._url, content=body, headers=PROTOBUF).is_success
                except httpx.HTTPError:
                    taken = False
                if taken:
                    self.acknowledged.append(float(value))
                    value += step
                else:
                    time.sleep(0.05)


def test_what_is_acknowledged_survives_kill(
    tmp_path: Path, size: Callable[[int, int], int]
) -> None:
    """Killed under load again and again: every acknowledged request reaches every live exporter
    at least once, and runs exactly once, here and at a collector of ours that it sends to."""
    flags = ["--grpc", FREE, "--http", FREE, "--health", FREE]
    with serving() as sink, running(flags, tmp_path / "chained") as chained:
        port = unused_port()  # Not before: one of those might take it.
        path = config(tmp_path, sink.url, port)
        more = f"  otlp_grpc/chained: {{endpoint: 'http://{chained.endpoint('otlp/grpc')}'}}\n"
        text = path.read_text().replace("extensions: {health", f"{more}extensions: {{health")
        path.write_text(text.replace("otlp_http, file]", "otlp_http, file, otlp_grpc/chained]"))
        acknowledged = killed_under_load(["--config", str(path)], tmp_path, port, size(5, 30))
        assert acknowledged <= set(sink.values())
        until(chained.caught_up)
        assert chained.end() == 0
    assert acknowledged <= set(in_file(tmp_path / "out.jsonl"))
    for dir in (tmp_path, tmp_path / "chained"):
        [run] = Api(dir).runs()
        stored = run.history("loss")["value"].tolist()
        assert acknowledged <= set(stored)
        assert len(stored) == len(set(stored))


def killed_under_load(arguments: list[str], dir: Path, port: int, times: int) -> set[float]:
    """What was acknowledged between the kills, once all of it has been sent on."""
    senders = Senders(f"http://127.0.0.1:{port}/v1/metrics")
    try:
        for _ in range(times):
            with running(arguments, dir) as it:
                more = len(senders.acknowledged) + 50
                until(lambda more=more: len(senders.acknowledged) >= more)  # type: ignore[misc]
                it.kill()
    finally:
        senders.stop()
    with running(arguments, dir) as it:
        until(it.caught_up)
        assert it.end() == 0
    return set(senders.acknowledged)


def in_file(path: Path) -> list[float]:
    found = []
    for line in path.read_text().splitlines():
        for resource in json.loads(line)["resourceMetrics"]:
            for metric in resource["scopeMetrics"][0]["metrics"]:
                found += [float(each["asDouble"]) for each in metric["gauge"]["dataPoints"]]
    return found

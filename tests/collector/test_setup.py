"""Setting one up: what is pasted, mistyped, taken or not allowed is said in plain words."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.responses import JSONResponse

from otel_trackio.errors import ConfigError
from otel_trackio.peer import Retryable
from otel_trackio_collector.admission import Tokens
from otel_trackio_collector.clienttls import ClientTls
from otel_trackio_collector.configfile import from_text
from otel_trackio_collector.grpcreceiver import GrpcReceiver
from otel_trackio_collector.httpserver import HttpServer
from otel_trackio_collector.otlpgrpc import GrpcPeer
from otel_trackio_collector.requestlog import RequestLog
from otel_trackio_collector.servertls import ServerTls
from tests.collector.made import gauge
from tests.collector.process import COMMAND, asked
from tests.collector.senders import receivers
from tests.collector.sinks import serving

PASTED = """\
extensions:
  health_check: {endpoint: ":13133"}
receivers:
  otlp:
    protocols:
      grpc: {endpoint: ":4317", keepalive: {}}
exporters:
  debug: {verbosity: detailed}
  logging/old:
  otlp:
    endpoint: gateway:4317
    sending_queue: {queue_size: 5000}
service:
  extensions: [health_check]
  telemetry: {metrics: {address: ":8888"}}
  pipelines:
    metrics: {receivers: [otlp], exporters: [debug, otlp, logging/old]}
"""


def test_what_shows_metrics_is_left_out() -> None:
    """A `debug` exporter, which hardly a configuration is without, is no error: what it is good
    for is elsewhere, and that is said; so is each key that changes nothing."""
    config = from_text(PASTED, "otelcol.yaml", {})
    assert [each.name for each in config.exporters] == ["otlp_grpc"]
    elsewhere = "`otel-trackio collector status` says what went where, and `file` writes all of it"
    assert set(config.notes) == {
        f"otelcol.yaml:8: exporters.debug is left out: {elsewhere}",
        f"otelcol.yaml:9: exporters.logging/old is left out: {elsewhere}",
        "otelcol.yaml:6: receivers.otlp.protocols.grpc.keepalive changes nothing here",
        "otelcol.yaml:12: exporters.otlp.sending_queue.queue_size changes nothing here",
        "otelcol.yaml:15: service.telemetry.metrics changes nothing here",
        "0.0.0.0:4317 takes metrics from all who reach it: auth asks for a token, "
        "tls.client_ca_file for a certificate",
    }


def test_a_pasted_file_keeps_no_runs(tmp_path: Path) -> None:
    """It sends on, which is all that its words say, and `validate` says what it does not do."""
    path = tmp_path / "otelcol.yaml"
    path.write_text(PASTED)
    found = asked("validate", "--config", str(path), dir=tmp_path)
    assert found.returncode == 0, found.stderr
    valid, last = found.stdout.splitlines()[-2:]
    assert valid == "valid: otlp to otlp_grpc"
    assert last == "no runs are kept here: otel_trackio is not among the exporters"


def test_who_sends_to_debug_alone_sends_nowhere() -> None:
    """Where nothing is left the pipeline is open at its end, and that is an error."""
    with pytest.raises(ConfigError, match="the pipeline is open at one end"):
        from_text(PASTED.replace("[debug, otlp, logging/old]", "[debug]"), "otelcol.yaml", {})


@pytest.mark.parametrize("wrong", ["4317", "localhost", "localhost:otlp", "0.0.0.0:70000"])
@pytest.mark.parametrize("place", [":4317", ":13133"])
def test_an_address_is_checked_before_it_is_needed(place: str, wrong: str) -> None:
    """`validate` finds what nobody could listen at, not the start alone."""
    with pytest.raises(ConfigError, match=rf"endpoint is '{wrong}'; use HOST:PORT, such as 127"):
        from_text(PASTED.replace(f'"{place}"', f'"{wrong}"'), "otelcol.yaml", {})


def test_an_extension_that_is_not_defined() -> None:
    """It is an error, as for receivers and exporters: else one is mistyped, and missed later."""
    with pytest.raises(ConfigError) as caught:
        from_text(PASTED.replace("[health_check]", "[health_chek]"), "otelcol.yaml", {})
    told = "14: service.extensions names 'health_chek', which is not defined; did you mean health_"
    assert told in str(caught.value)


def test_a_port_that_gprc_cannot_have(tmp_path: Path) -> None:
    """The error says why, and no other line does."""
    with serving() as sink:
        taken = sink.url.removeprefix("http://")
        flags = ["--http", "127.0.0.1:0", "--health", "127.0.0.1:0", "--grpc"]
        found = asked(*flags, taken, dir=tmp_path)
    assert found.returncode == 2
    assert f"over gRPC at {taken}: Address already in use; an endpoint is" in found.stderr
    assert len(found.stderr.splitlines()) == 1
    for wrong in ("127.0.0.1:70000", "0.0.0.0"):  # gRPC would serve some other port.
        with receivers(tmp_path / "requests.db") as served:
            receiver = GrpcReceiver(served.reception, wrong)
            with pytest.raises(ConfigError, match="it names no port"):
                receiver.start()


def test_a_file_of_tls_that_is_absent(tmp_path: Path) -> None:
    """The error names it: there may be three."""
    absent = tmp_path / "absent.pem"
    for tls in (ClientTls(ca_file=absent), ServerTls(absent, absent)):
        with pytest.raises(ConfigError, match=r"absent\.pem"):
            tls.context()


def test_a_peer_without_tls(tmp_path: Path) -> None:
    """Who sends to it by TLS, which is the default, is told how to do without, and who sends to a
    port of HTTP, that it is one."""
    with receivers(tmp_path / "requests.db") as plain:
        for endpoint, remedy in (
            (f"localhost:{plain.grpc.port}", "If not: http://HOST:PORT, or tls: {insecure: true}"),
            (f"http://localhost:{plain.http.port}", "One of HTTP is for otlp_http"),
        ):
            peer = GrpcPeer(endpoint, timeout=20.0)
            with pytest.raises(Retryable) as caught:
                peer.send(gauge("loss", [1.0]))
            assert remedy in str(caught.value)
            peer.close()


def test_who_is_turned_away_is_told_here_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Who runs the collector may see only its log: a sender's wrong token stands there, once."""
    with (
        caplog.at_level(logging.WARNING, "otel_trackio"),
        receivers(tmp_path / "requests.db", tokens=Tokens(["sesame"])) as served,
    ):
        for protocol in ("grpc", "http"):
            sender = served.sender(protocol, "wrong")
            for _ in range(3):
                assert sender.send(gauge("loss", [1.0])).code == "UNAUTHENTICATED"
            sender.close()
    told = "was answered UNAUTHENTICATED: that token is not one of this collector's"
    assert caplog.messages == [f"a request over {each} {told}" for each in ("grpc", "http")]


def test_who_is_asked_how_it_stands(tmp_path: Path) -> None:
    """An address that is none, and the health check of an official Collector, which has the same
    port, are errors, not faults."""
    with answering({"status": "Server available", "uptime": "1h"}) as other:
        for at, told in (
            (other, f"what answers at {other} is no health port of this collector; name"),
            ("127.0.0.1", "no collector answers at 127.0.0.1: Invalid port: '127.0.0.1'"),
        ):
            found = asked("status", "--at", at, dir=tmp_path)
            assert found.returncode == 1
            assert told in found.stderr
            assert "Traceback" not in found.stderr


@contextmanager
def answering(answer: object) -> Iterator[str]:
    """A server that answers with that JSON, whatever it is asked."""
    server = HttpServer(JSONResponse(answer), "127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        server.stop()


def test_what_a_bound_drops_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log says at once who loses what, and what can be done; not at each request."""
    log = RequestLog(tmp_path / "requests.db", max_bytes=1_000)
    log.cursor("far")
    for number in range(50):
        log.append(gauge("loss", [float(number)]), 1).result(60)
    log.close()
    [told] = caplog.messages
    assert told.startswith("far LOSES the oldest that it has yet to send, at the bounds of")
    assert told.endswith("; see why it does not send, or raise request_log.max_bytes or max_age")


@pytest.mark.needs_root
def test_a_folder_that_it_may_not_write(tmp_path: Path) -> None:
    """The error names it, and the remedy."""
    tmp_path.chmod(0o755)
    folder = tmp_path / "folder"
    folder.mkdir()
    script = 'mount -t tmpfs -o ro none "$1"; shift; exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(folder), *COMMAND]
    found = subprocess.run(
        [*command, "--health", "127.0.0.1:0"],
        env={**os.environ, "OTEL_TRACKIO_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode != 0
    wanted = f"cannot write {folder}/collector: Read-only file system; name a folder that you may"
    assert wanted in found.stderr

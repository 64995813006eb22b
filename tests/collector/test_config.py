"""The configuration: the official Collector's words, errors with their line, and flags."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_trackio.errors import ConfigError
from otel_trackio.peer import RetryPolicy
from otel_trackio_collector.clienttls import ClientTls
from otel_trackio_collector.config import Config, Listen
from otel_trackio_collector.configfile import from_file, from_text
from otel_trackio_collector.configflags import from_flags
from otel_trackio_collector.forwarding import Bounds
from otel_trackio_collector.jsonlines import Rotation
from otel_trackio_collector.resolution import Resolution
from otel_trackio_collector.selection import Rule, Selection

FULL = """
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 0.0.0.0:4317
        max_recv_msg_size_mib: 16
        auth: {authenticator: bearertokenauth}
        tls: {cert_file: /tls/server.pem, key_file: /tls/server.key}
      http:
exporters:
  otel_trackio:
  otlp_http/far:
    endpoint: ${env:FAR}/otlp
    headers:
      X-Scope: $$1 ${env:SCOPE:-none}
    auth: {authenticator: basicauth/far}
    tls: {ca_file: /tls/ca.pem}
    compression: zstd
    timeout: 1m30s
    max_message_bytes: 1MiB
    include:
      metrics: [train.*, "eval.*"]
      resource: {otel_trackio.project: digits}
    exclude: {metrics: "*.norm"}
    resolution: {interval: 500ms, keep: max}
    retry_on_failure:
      initial_interval: 1s
      max_elapsed_time: 0
    sending_queue: {queue_size: 5000, batch: {max_size: 100}, max_bytes: 1GB, max_age: 1h}
  prometheusremotewrite:
    endpoint: https://prometheus/api/v1/write
    external_labels: {cluster: here}
    target_info: {enabled: false}
  file:
    path: /var/log/metrics.jsonl
    rotation: {max_megabytes: 10, max_backups: 3}
processors: {batch: {timeout: 1s}, memory_limiter: }
extensions:
  health_check: {endpoint: 0.0.0.0:13133}
  bearertokenauth: {token: sesame}
  basicauth/far: {client_auth: {username: me, password: hidden}}
  file_storage: {directory: /var/lib/otelcol}
request_log: {directory: /var/lib/log, max_bytes: 10GiB, max_age: 72h, drain_timeout: 20s}
service:
  extensions: [health_check, basicauth/far]
  telemetry: {logs: {level: DEBUG}, metrics: {level: detailed}}
  pipelines:
    metrics:
      receivers: [otlp]
      processors: [memory_limiter, batch]
      exporters: [otel_trackio, otlp_http/far, prometheusremotewrite, file]
    traces:
      receivers: [otlp]
"""

ENVIRONMENT = {"FAR": "https://example.org"}


def full() -> Config:
    return from_text(FULL, "full.yaml", ENVIRONMENT)


def test_every_word_is_understood() -> None:
    """Receivers, exporters, retries, TLS, durations and sizes mean what they mean there."""
    config = full()
    [receiver] = config.receivers
    assert receiver.grpc is not None
    assert receiver.grpc.endpoint == "0.0.0.0:4317"
    assert receiver.grpc.max_bytes == 16 << 20
    assert receiver.grpc.tokens == ("sesame",)
    assert receiver.http == Listen("127.0.0.1:4318")
    far = config.exporters[1]
    assert (far.name, far.kind) == ("otlp_http/far", "otlp_http")
    assert far.retry == RetryPolicy(initial_interval=1.0)
    include = Rule(("train.*", "eval.*"), {"otel_trackio.project": ("digits",)})
    assert far.selection == Selection(include, Rule(("*.norm",)))
    assert far.bounds == Bounds(10**9, 3600.0)
    assert far.resolution == Resolution(0.5, "max")
    assert far.options == {
        "endpoint": "https://example.org/otlp",
        "headers": {"X-Scope": "$1 none", "Authorization": "Basic bWU6aGlkZGVu"},
        "tls": ClientTls(ca_file=Path("/tls/ca.pem")),
        "compression": "zstd",
        "timeout": 90.0,
        "max_message_bytes": 1 << 20,
    }
    assert config.exporters[3].options["rotation"] == Rotation(10.0, 0.0, 3)
    assert (config.directory, config.max_bytes) == (Path("/var/lib/log"), 10 << 30)
    assert (config.max_age, config.drain) == (72 * 3600.0, 20.0)
    assert (config.health, config.level) == ("0.0.0.0:13133", "debug")


def test_what_is_not_needed_is_said() -> None:
    """Pasted parts that change nothing here are no errors: each gets a sentence with its line."""
    assert full().notes == (
        "full.yaml:47: service.telemetry.metrics changes nothing here",
        "full.yaml:53: service.pipelines.traces is left out: only metrics are taken here",
        "full.yaml:38: processors.memory_limiter is not needed here: "
        "what is in flight is bounded already, and the rest is on disk",
        "full.yaml:38: processors.batch is not needed here: "
        "requests are joined when they are sent, and none waits in memory",
        "full.yaml:43: extensions.file_storage is not needed here: "
        "every request is on disk; request_log.directory says where",
        "full.yaml:30: exporters.otlp_http/far.sending_queue.queue_size changes nothing here",
        "full.yaml:30: exporters.otlp_http/far.sending_queue.batch.max_size changes nothing here",
    )


def test_secrets_are_not_shown() -> None:
    """No token and no password is in what a configuration looks like when it is printed."""
    shown = repr(full())
    assert "sesame" not in shown
    assert "hidden" not in shown
    assert "bWU6aGlkZGVu" not in shown


@pytest.mark.parametrize(
    ("exporter", "error"),
    [
        ("{endpoint: 'https://me:hidden@far'}", "holds credentials; give them by headers, or by"),
        ("{endpoint: 'htps://me:hidden@far'}", "holds credentials; give them by headers, or by"),
        ("{endpoint: 'https://far:port'}", "is no URL: Invalid port: 'port'; such as https://"),
        ("{endpoint: 'https://'}", "names no host; such as https://HOST:PORT"),
        ('{endpoint: "http://far", headers: {A: "hidden\\nB: c"}}',
         "the header A holds what no header may; a value is one line of ASCII"),
        ("{endpoint: 'http://far', headers: {A: hiddén}}", "the header A holds what no header may"),
        ("{endpoint: 'http://far', headers: {'A:': hidden}}", "'A:' is no name of a header"),
        ("{endpoint: 'http://far', auth: {authenticator: bearertokenauth}}",
         "the header Authorization holds what no header may"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["otlp_http", "prometheusremotewrite"])
def test_what_no_peer_could_take(kind: str, exporter: str, error: str) -> None:
    """A URL or header that would fail at each request is an error, which tells no secret."""
    text = SMALL.replace("  otlp:\n    endpoint: far:4317\n", f"  {kind}: {exporter}\n")
    text = text.replace("exporters: [otlp]", f"exporters: [{kind}]")
    text += 'extensions: {bearertokenauth: {token: "hidden\\x00"}}\n'
    with pytest.raises(ConfigError) as caught:
        from_text(text, "small.yaml", {})
    assert error in str(caught.value)
    assert "hidd" not in str(caught.value)


def test_a_token_may_end_its_line() -> None:
    """A variable with the end of a line, as files of secrets have it, is what stands before it."""
    text = SMALL.replace("far:4317", "a:1\n    headers: {Authorization: 'Bearer ${T}'}")
    [export] = from_text(text, "small.yaml", {"T": "sesame\n"}).exporters
    assert export.options["headers"] == {"Authorization": "Bearer sesame"}


SMALL = """\
receivers:
  otlp:
    protocols:
      grpc:
exporters:
  otlp:
    endpoint: far:4317
service:
  pipelines:
    metrics:
      receivers: [otlp]
      exporters: [otlp]
"""


def test_older_names() -> None:
    """`otlp` and `otlphttp` are `otlp_grpc` and `otlp_http`."""
    assert from_text(SMALL, "small.yaml").exporters[0].kind == "otlp_grpc"
    http = SMALL.replace("  otlp:\n    endpoint: ", "  otlphttp/far:\n    endpoint: http://")
    http = http.replace("exporters: [otlp]", "exporters: [otlphttp/far]")
    assert from_text(http, "small.yaml").exporters[0].name == "otlp_http/far"


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("endpoint", "endpont", "7: no key 'endpont' in exporters.otlp; did you mean endpoint?"),
        ("exporters:\n", "exportrs:\n", "5: no key 'exportrs'; did you mean exporters?"),
        ("grpc:", "gprc:", "4: no key 'gprc' in receivers.otlp.protocols; did you mean grpc?"),
        (
            "exporters: [otlp]",
            "exporters: [otpl]",
            "12: service.pipelines.metrics.exporters names 'otpl', which is not defined; "
            "did you mean otlp?",
        ),
        (
            "  otlp:\n    endpoint",
            "  otlp:\n    endpoint: a:1\n    endpoint",
            "8: exporters.otlp.endpoint stands there twice",
        ),
        (
            "endpoint: far:4317",
            "compression: gzip",
            "6: exporters.otlp has no endpoint; add endpoint: ...",
        ),
        (
            "endpoint: far:4317",
            "endpoint: a:1\n    timeout: 30",
            "8: exporters.otlp.timeout is '30'; use a duration such as 30s or 1m30s",
        ),
        (
            "endpoint: far:4317",
            "endpoint: a:1\n    compression: zstd",
            "8: exporters.otlp.compression is 'zstd'; use none, gzip or deflate",
        ),
        (
            "endpoint: far:4317",
            "endpoint: ${env:ABSENT}",
            "7: the environment variable ABSENT is not set; export ABSENT=...",
        ),
        (
            "endpoint: far:4317",
            "endpoint: a:1\n    tls: {cert_file: a.pem}",
            "8: exporters.otlp.tls has half of a pair; give cert_file and key_file",
        ),
        (
            "endpoint: far:4317",
            "endpoint: a:1\n    tls: {insecure: maybe}",
            "8: exporters.otlp.tls.insecure is 'maybe'; use true or false",
        ),
        (
            "endpoint: far:4317",
            "endpoint: a:1\n    resolution: some",
            "8: exporters.otlp.resolution is 'some'; use all",
        ),
        (
            "endpoint: far:4317",
            "endpoint: a:1\n    resolution: {keep: last}",
            "8: exporters.otlp.resolution has no interval; such as {interval: 10s, keep: last}",
        ),
        (
            "endpoint: far:4317",
            "endpoint: a:1\n    auth: {authenticator: oidc}",
            "6: exporters.otlp.auth names 'oidc', which is no extension; define it",
        ),
        (
            "exporters:\n  otlp:",
            "exporters:\n  oltp:",
            "12: service.pipelines.metrics.exporters names 'otlp', which is not defined; "
            "did you mean oltp?",
        ),
        ("  otlp:\n    protocols", "  otlp: {}\n  x:\n    protocols", "2: receivers.otlp has no "
         "protocols; such as {protocols: {grpc: {}}}"),
        ("service:", "service: [", "10: expected ',' or ']', but got ':'; it must be YAML"),
        (
            "metrics:",
            "traces:",
            "8: there are 0 pipelines of metrics; here is one: give service.pipelines.metrics, "
            "and choose by include and exclude",
        ),
        (
            "      receivers: [otlp]\n",
            "",
            "10: the pipeline is open at one end; name receivers and exporters",
        ),
    ],
)  # fmt: skip
def test_errors_name_their_line(old: str, new: str, error: str) -> None:
    """Each says where it is, what is wrong, and what to do; a wrong name gets the nearest one."""
    with pytest.raises(ConfigError) as caught:
        from_text(SMALL.replace(old, new, 1), "small.yaml", {})
    assert str(caught.value) == f"small.yaml:{error}"


def test_all_errors_are_told_at_once() -> None:
    """Whoever pastes a configuration mends it once, not once an error; one of a part that others
    name is not told of them, too."""
    text = SMALL.replace(
        "      grpc:\n", "      grpc: {endpoint: a, auth: {authenticator: basicauth}}\n"
    )
    text = text.replace("    endpoint: far", "    endpont: far").replace(
        "[otlp]\n", "[otlp, x]\n", 1
    )
    text += "extensions: {basicauth: , oidc: }\nrequest_log: {max_bytes: much, max_age: old}\n"
    with pytest.raises(ConfigError) as caught:
        from_text(text, "small.yaml", {})
    lines = [int(each.split(":")[1]) for each in str(caught.value).splitlines()]
    assert sorted(lines) == [4, 7, 11, 13, 13, 14, 14]


@pytest.mark.parametrize(
    ("section", "error"),
    [
        ("processors: {filter: }", "no processor 'filter' here; exporters choose and fold by "
         "include, exclude and resolution"),
        ("connectors: {count: }", "no key 'connectors'; known are exporters, "),
        ("extensions: {oauth2client: }", "no extension 'oauth2client' here"),
        ("request_log: {max_bytes: much}", "request_log.max_bytes is 'much'; use bytes, or a size "
         "such as 64MiB"),
    ],
)  # fmt: skip
def test_what_we_do_not_have(section: str, error: str) -> None:
    """Parts of the official Collector that are missing here are errors, not silence."""
    text = SMALL.replace("      exporters", "      processors: [filter]\n      exporters")
    text = f"{text if 'processors' in section else SMALL}{section}\n"
    with pytest.raises(ConfigError) as caught:
        from_text(text, "small.yaml", {})
    assert error in str(caught.value)
    assert str(caught.value).startswith("small.yaml:1")


def test_anchors() -> None:
    """What is said once may be put in elsewhere, and said otherwise there."""
    text = SMALL.replace(
        "exporters:\n",
        "exporters:\n"
        "  otlp/first: &far {endpoint: a:1, timeout: 7s}\n"
        "  otlp/second: {<<: *far, endpoint: b:2}\n",
        1,
    ).replace("exporters: [otlp]", "exporters: [otlp/second]")
    [second] = from_text(text, "small.yaml").exporters
    assert second.options == {"endpoint": "b:2", "timeout": 7.0}


def test_a_file_that_is_none(tmp_path: Path) -> None:
    """One that is absent, empty or a list is an error that names it."""
    absent, empty, listed = (tmp_path / name for name in ("absent", "empty", "listed"))
    empty.write_text("# nothing\n")
    listed.write_text("- otlp\n")
    for path in (absent, empty, listed):
        with pytest.raises(ConfigError, match=str(path)):
            from_file(path)


def test_what_is_in_no_pipeline_is_said() -> None:
    """An exporter that is defined and not used is no error, but is no secret either."""
    text = SMALL.replace("exporters:\n", "exporters:\n  file: {path: a}\n", 1)
    assert from_text(text, "small.yaml").notes == (
        "small.yaml:6: exporters.file is in no pipeline of metrics, and does nothing",
    )


@pytest.mark.parametrize(
    ("given", "open"),
    [
        ("localhost:4317", False),
        ("'[::1]:4317'", False),
        ("0.0.0.0:4317", True),
        ("10.0.0.7:4317", True),
        ("'[::]:4317'", True),
        ("0.0.0.0:4317, auth: {authenticator: bearertokenauth}", False),
        ("0.0.0.0:4317, tls: {cert_file: a, key_file: b, client_ca_file: c}", False),
        ("0.0.0.0:4317, tls: {cert_file: a, key_file: b}", True),
    ],
)
def test_an_open_door_is_said(given: str, open: bool) -> None:
    """Where other machines may send, and none is asked who it is."""
    text = SMALL.replace("      grpc:\n", f"      grpc: {{endpoint: {given}}}\n")
    config = from_text(text + "extensions: {bearertokenauth: {token: sesame}}\n", "small.yaml")
    assert bool(config.notes) == open
    assert all("takes metrics from all who reach it: auth asks" in each for each in config.notes)
    assert (
        from_flags(grpc="0.0.0.0:1", http="127.0.0.1:2", environment={}).notes[0].startswith("0.")
    )

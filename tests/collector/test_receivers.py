"""One contract, over gRPC and over HTTP: who may send what, and what each sender is told."""

from __future__ import annotations

import gzip
import json
import random
import socket
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cramjam
import httpx
import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (
    OTLPMetricExporter as GrpcExporter,
)
from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
    OTLPMetricExporter as HttpExporter,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from starlette.responses import Response

from otel_trackio.errors import ConfigError
from otel_trackio_collector.admission import Limits, Tokens
from otel_trackio_collector.grpcreceiver import OTHERS, GrpcReceiver
from otel_trackio_collector.httpserver import HttpServer
from otel_trackio_collector.telemetry import ACCEPTED, REFUSED, Telemetry
from tests.collector.made import BEGAN, gauge, points
from tests.collector.senders import (
    HOST,
    GrpcSender,
    HttpSender,
    Receivers,
    receivers,
)

ROOT = Path(__file__).parents[2]
MIB = 1 << 20
BOTH = pytest.mark.parametrize("protocol", ["grpc", "http"])

GOOD = gauge("train.loss", [0.5, 0.25, 0.125])


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Receivers]:
    with receivers(tmp_path / "requests.db") as found:
        yield found


def exporter_to(served: Receivers, protocol: str) -> MetricExporter:
    if protocol == "grpc":
        return GrpcExporter(endpoint=f"http://{HOST}:{served.grpc.port}", insecure=True)
    return HttpExporter(endpoint=f"http://{HOST}:{served.http.port}/v1/metrics")


# What is taken


@BOTH
def test_the_stock_sdk_sends(served: Receivers, protocol: str) -> None:
    """OpenTelemetry's own exporter delivers what its instruments measured."""
    exporter = exporter_to(served, protocol)
    provider = MeterProvider([PeriodicExportingMetricReader(exporter, 3_600_000)])
    provider.get_meter("m").create_gauge("train.loss").set(0.5, {"rank": 0})
    provider.get_meter("m").create_histogram("step.time").record(3.0)
    assert provider.force_flush()
    provider.shutdown()
    [body, *_] = served.kept()
    request = ExportMetricsServiceRequest.FromString(body)
    names = [m.name for m in request.resource_metrics[0].scope_metrics[0].metrics]
    assert names == ["train.loss", "step.time"]


@BOTH
def test_what_is_acknowledged_is_kept_byte_by_byte(served: Receivers, protocol: str) -> None:
    """The log holds just the bytes that were sent, in order, and the points are counted."""
    sender = served.sender(protocol)
    bodies = [gauge(f"m{n}", [n]) for n in range(20)]
    assert {sender.send(body, packed=n % 2 == 1).code for n, body in enumerate(bodies)} == {"OK"}
    assert served.kept() == bodies
    assert served.reception.counters.value(ACCEPTED, transport=protocol) == 20
    sender.close()


@BOTH
def test_nothing_is_taken_too(served: Receivers, protocol: str) -> None:
    """A request without points is answered well, and takes no room."""
    sender = served.sender(protocol)
    assert sender.send(b"").code == "OK"
    assert served.kept() == []
    sender.close()


@BOTH
def test_a_large_request_is_taken_whole(served: Receivers, protocol: str) -> None:
    """A request of many megabytes, which is checked in parts, arrives as it was sent."""
    sender = served.sender(protocol)
    body = b"".join(gauge(f"m{n}", range(10_000)) for n in range(40))
    assert len(body) > 6 * MIB
    assert sender.send(body).code == "OK"
    assert served.kept() == [body]
    assert served.reception.counters.value(ACCEPTED) == 400_000
    sender.close()


@BOTH
def test_what_cannot_be_used_is_a_partial_success(served: Receivers, protocol: str) -> None:
    """Points without a time or a value, and misshapen ones, are counted out; the rest is kept."""
    request = ExportMetricsServiceRequest.FromString(GOOD)
    [metrics] = request.resource_metrics[0].scope_metrics
    gauges = metrics.metrics[0].gauge.data_points
    gauges.add(as_double=1.0)
    gauges.add(time_unix_nano=BEGAN)
    gauges.add(time_unix_nano=BEGAN, flags=1)
    histogram = metrics.metrics.add(name="h").histogram
    histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_DELTA
    histogram.data_points.add(time_unix_nano=BEGAN, count=3, bucket_counts=[1, 2])
    histogram.data_points.add(
        time_unix_nano=BEGAN, count=3, bucket_counts=[1, 2], explicit_bounds=[1.0]
    )
    metrics.metrics.add(name="s").sum.data_points.add(time_unix_nano=BEGAN, as_int=1)
    metrics.metrics.add().gauge.data_points.add(time_unix_nano=BEGAN, as_int=1)
    sender = served.sender(protocol)
    answer = sender.send(request.SerializeToString())
    assert (answer.code, answer.rejected) == ("OK", 5)
    for reason in ("no time", "no value", "without a temporality", "without a name", "buckets"):
        assert reason in answer.message
    [body] = served.kept()
    assert [value for _, _, value in points(body)] == [0.5, 0.25, 0.125, 0.0]
    assert b"h" in body
    assert served.reception.counters.value(ACCEPTED) == 5
    assert served.reception.counters.value(REFUSED) == 5
    sender.close()


@BOTH
def test_a_full_success_says_no_more(served: Receivers, protocol: str) -> None:
    """`partial_success` is not set where there is nothing to say."""
    sender = served.sender(protocol)
    answer = sender.send(GOOD)
    assert (answer.code, answer.rejected, answer.message) == ("OK", 0, "")
    if protocol == "http":
        assert answer.headers["content-length"] == "0"
    sender.close()


# What is refused


@BOTH
def test_too_large_a_request_is_refused_for_good(served: Receivers, protocol: str) -> None:
    """100 MB are RESOURCE_EXHAUSTED without RetryInfo, or 413, and the connection goes on."""
    sender = served.sender(protocol)
    answer = sender.send(bytes(100_000_000))
    assert (answer.code, answer.retry_after) == ("RESOURCE_EXHAUSTED", None)
    assert answer.http in (0, 413)
    assert sender.send(GOOD).code == "OK"
    assert served.reception.admission.in_flight == 0
    sender.close()


@BOTH
def test_a_full_log_is_refused_for_now(tmp_path: Path, protocol: str) -> None:
    """UNAVAILABLE with RetryInfo, or 503 with Retry-After; once there is room it is taken."""
    with receivers(tmp_path / "requests.db", max_bytes=1_000) as served:
        sender = served.sender(protocol)
        noise = gauge("noise", [random.Random(n).random() for n in range(60)])
        while (answer := sender.send(noise)).code == "OK":
            pass
        assert answer.code == "UNAVAILABLE"
        assert answer.retry_after is not None
        assert answer.http in (0, 503)
        served.log.cursor("keeps all", never_skipped=True).advance(served.log.head())
        assert sender.send(noise).code == "OK"
        sender.close()


@BOTH
def test_a_budget_that_is_spent_is_refused_for_now(tmp_path: Path, protocol: str) -> None:
    """What requests hold together is bounded: one too many is told to come again."""
    limits = Limits(max_in_flight_bytes=len(GOOD) - 1)
    with receivers(tmp_path / "requests.db", limits=limits) as served:
        sender = served.sender(protocol)
        answer = sender.send(GOOD)
        assert (answer.code, answer.http) in (("UNAVAILABLE", 0), ("UNAVAILABLE", 503))
        assert answer.retry_after is not None
        sender.close()


@BOTH
def test_a_receiver_that_stops_says_so(served: Receivers, protocol: str) -> None:
    """While it drains new requests are refused for now, so that senders keep them."""
    sender = served.sender(protocol)
    assert sender.send(GOOD).code == "OK"
    served.reception.stop()
    answer = sender.send(GOOD)
    assert answer.code == "UNAVAILABLE"
    assert answer.retry_after is not None
    sender.close()


@BOTH
@pytest.mark.parametrize(
    "given",
    ["secret", f"sha256:{'2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b'}"],
)
def test_only_a_token_opens(tmp_path: Path, protocol: str, given: str) -> None:
    """Without one of the tokens, or with another, nothing is taken; tokens may be given hashed."""
    with receivers(tmp_path / "requests.db", tokens=Tokens(["other", given])) as served:
        for token in ("", "wrong", "secret "[:3]):
            sender = served.sender(protocol, token)
            answer = sender.send(GOOD)
            assert answer.code == "UNAUTHENTICATED"
            assert answer.http in (0, 401)
            assert "secret" not in answer.message
            sender.close()
        sender = served.sender(protocol, "secret")
        assert sender.send(GOOD).code == "OK"
        sender.close()
        assert served.kept() == [GOOD]


def test_traces_and_logs_are_told_where_they_stand(served: Receivers) -> None:
    """UNIMPLEMENTED, or 404, with a message that says that metrics alone are taken."""
    sender = GrpcSender(served.grpc.port)
    for service in OTHERS:
        answer = sender.send(b"", service=service)
        assert answer.code == "UNIMPLEMENTED"
        assert "metrics only" in answer.message
    sender.close()
    client = HttpSender(served.http.port)
    for path in ("/v1/traces", "/v1/logs"):
        answer = client.request(b"", path=path)
        assert (answer.http, answer.code) == (404, "UNIMPLEMENTED")
        assert "metrics only" in answer.message
    client.close()


# HTTP alone


def test_http_takes_every_packing(served: Receivers) -> None:
    """gzip, deflate and zstd, several members of each, and bare deflate that some send."""
    half = len(GOOD) // 2
    zstd = lambda body: bytes(cramjam.zstd.compress(body, 3))  # noqa: E731
    packers: dict[str, list[Callable[[bytes], bytes]]] = {
        "gzip": [gzip.compress],
        "deflate": [zlib.compress, lambda body: zlib.compress(body)[2:-4]],
        "zstd": [zstd],
        "identity": [bytes],
    }
    sender, sent = HttpSender(served.http.port), 0
    for name, ways in packers.items():
        for pack in ways:
            for body in (pack(GOOD), pack(GOOD[:half]) + pack(GOOD[half:])):
                assert sender.request(body, {"Content-Encoding": name}).http == 200, name
                sent += 1
    assert served.kept() == [GOOD] * sent
    for name in ("gzip", "deflate", "zstd"):
        for body in (GOOD, packers[name][0](GOOD)[:-5], b""):
            assert sender.request(body, {"Content-Encoding": name}).http == 400, name
    assert sender.request(GOOD, {"Content-Encoding": "br"}).http == 415
    sender.close()


def test_http_takes_json(served: Receivers) -> None:
    """OTLP's JSON, with hexadecimal ids, is kept as protobuf; the answer is JSON as well."""
    exemplar = {
        "timeUnixNano": str(BEGAN),
        "asDouble": 1.0,
        "traceId": "5B" * 16,
        "spanId": "ee" * 8,
    }
    point = {"timeUnixNano": str(BEGAN), "asInt": "7", "exemplars": [exemplar], "unknown": 1}
    metric = {"name": "train.loss", "gauge": {"dataPoints": [point, {"asDouble": 1.0}]}}
    content = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    connection = HttpSender(served.http.port)
    media = {"Content-Type": "application/json; charset=utf-8"}
    answer = connection.request(json.dumps(content).encode(), media)
    assert (answer.http, answer.headers["content-type"]) == (200, "application/json")
    [body] = served.kept()
    [resource] = ExportMetricsServiceRequest.FromString(body).resource_metrics
    [kept] = resource.scope_metrics[0].metrics[0].gauge.data_points
    assert kept.as_int == 7
    assert kept.exemplars[0].trace_id == bytes.fromhex("5b" * 16)
    bad: Sequence[bytes] = (b"", b"{", b"[]", b'{"resourceMetrics": 1}', b"[" * 100_000)
    for each in bad:
        answer = connection.request(each, media)
        assert answer.http == 400
        assert json.loads(answer.message)["code"] == 3
    connection.close()


def test_http_names_what_it_does_not_take(served: Receivers) -> None:
    """Another method is 405 with Allow, another media type 415, another path 404."""
    sender = HttpSender(served.http.port)
    for method in ("GET", "PUT", "DELETE"):
        answer = sender.request(b"", method=method)
        assert (answer.http, answer.headers["allow"]) == (405, "POST")
    assert sender.request(GOOD, {"Content-Type": "text/plain"}).http == 415
    assert sender.request(GOOD, path="/v2/metrics").http == 404
    assert sender.send(GOOD).http == 200
    sender.close()


# Serving


def test_all_addresses_are_those_of_both_kinds() -> None:
    """`[::]` is served over IPv4 as well, as gRPC and the official Collector do it."""
    if not socket.has_dualstack_ipv6():
        return
    server = HttpServer(Response("here"), "[::]:0")
    server.start()
    try:
        for host in ("127.0.0.1", "[::1]"):
            assert httpx.get(f"http://{host}:{server.port}", timeout=60.0).text == "here"
    finally:
        server.stop()


def test_a_port_in_use_is_told(served: Receivers) -> None:
    """A second collector on the same port is an error at once: none takes half the requests."""
    with pytest.raises(ConfigError, match="cannot serve OTLP over gRPC at"):
        GrpcReceiver(served.reception, f"{HOST}:{served.grpc.port}").start()
    with pytest.raises(ConfigError, match="cannot serve HTTP at"):
        HttpServer(lambda *_: None, f"{HOST}:{served.http.port}").start()  # type: ignore[arg-type]


def test_what_was_received_is_told_in_official_names(served: Receivers) -> None:
    """`/metrics` has the official Collector's counters, by transport, in Prometheus' format."""
    for protocol in ("grpc", "http"):
        sender = served.sender(protocol)
        sender.send(GOOD)
        sender.send(b"garbage")
        sender.close()
    telemetry = Telemetry()
    telemetry.register(served.reception.samples)
    text = telemetry.render()
    for transport in ("grpc", "http"):
        labels = f'receiver="otlp",transport="{transport}"'
        assert f"otelcol_receiver_accepted_metric_points{{{labels}}} 3\n" in text
        assert f'otelcol_receiver_requests{{answer="INVALID_ARGUMENT",{labels}}} 1\n' in text
    assert "# TYPE otelcol_receiver_accepted_metric_points counter\n" in text

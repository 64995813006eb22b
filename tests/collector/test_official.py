"""The official OpenTelemetry Collector before ours, behind ours, and between two of ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from otel_trackio import Api
from otel_trackio.endpoint import url_of
from otel_trackio.peer import RetryPolicy
from otel_trackio_collector.admission import Limits
from otel_trackio_collector.forwarding import Forwarder
from otel_trackio_collector.otlpexport import OtlpExporter
from otel_trackio_collector.otlpgrpc import GrpcPeer
from otel_trackio_collector.otlphttp import HttpPeer
from otel_trackio_collector.requestlog import RequestLog
from otel_trackio_collector.telemetry import ACCEPTED, REFUSED
from tests.collector.made import every_point, gauge, merged
from tests.collector.official import HOST, PROGRAM, Official, Parts, official, on_disk, stores
from tests.collector.otlp import NOW, SECOND, counter, exemplar, pairs, point, request
from tests.collector.otlp import gauge as gauge_of
from tests.collector.process import Running, running
from tests.collector.senders import GrpcSender, HttpSender, Receivers, receivers
from tests.collector.sinks import until
from tests.collector.stored import curve, ours

pytestmark = [
    pytest.mark.allow_skip,
    pytest.mark.skipif(not PROGRAM, reason="needs OTELCOL=PATH, an official Collector"),
    pytest.mark.timeout(300),
]

BOTH = pytest.mark.parametrize("protocol", ["grpc", "http"])

FREE = [part for each in ("grpc", "http", "health") for part in (f"--{each}", "127.0.0.1:0")]
EVERY_KIND = {"a": 1, "b": 0.5, "c": True, "d": b"\0\xff", "e": [1, "x", None], "f": {"g": ["h"]}}


def everything(number: int) -> bytes:
    """A request of each kind of metric, value and attribute, at a time of its own."""
    moment = NOW + number * SECOND
    about: dict[str, Any] = {"start_time_unix_nano": NOW, "time_unix_nano": moment}
    told = [exemplar(moment, 0.5, step=number, seq=number + 1), exemplar(moment, 7)]
    told[1].trace_id, told[1].span_id = b"t" * 16, b"s" * 8
    odd = [float("nan"), float("inf"), -0.0, 5e-324, 2**63 - 1, -(2**63)]
    absent = point(moment, None, flags=1)
    buckets, exponential, summary = (Metric(name=name) for name in ("h", "e", "s"))
    for metric in (buckets.histogram, exponential.exponential_histogram):
        metric.aggregation_temporality = 1 + number % 2  # type: ignore[assignment]
    buckets.histogram.data_points.add(
        count=6, sum=3.0, min=0.0, max=2.0, bucket_counts=[1, 2, 3], explicit_bounds=[0.5, 1.0],
        attributes=pairs(EVERY_KIND), exemplars=told, **about,
    )  # fmt: skip
    each = exponential.exponential_histogram.data_points.add(
        count=4, sum=-1.0, scale=-3, zero_count=1, zero_threshold=0.25, **about
    )
    each.positive.offset, each.positive.bucket_counts[:] = -2, [1, 0, 1]
    each.negative.bucket_counts[:] = [1]
    quantiles = summary.summary.data_points.add(count=2, sum=1.0, **about)
    quantiles.quantile_values.add(quantile=0.5, value=float("nan"))
    made = request(
        gauge_of("g", *(point(moment + n, v, {}, told) for n, v in enumerate(odd)), unit="nats"),
        gauge_of("g", absent, point(moment, 1.0, EVERY_KIND)),
        counter("up", point(moment, number, start_time_unix_nano=NOW)),
        counter("down", point(moment, -1.5, {}, told), delta=True, up=False),
        *(buckets, exponential, summary),
        resource={"service.name": "all", **EVERY_KIND},
    )
    of = made.resource_metrics[0]
    of.schema_url = of.scope_metrics[0].schema_url = "https://opentelemetry.io/schemas/1.40.0"
    scope = InstrumentationScope(name="m", version="1", attributes=pairs(EVERY_KIND))
    of.scope_metrics[0].scope.CopyFrom(scope)
    body: bytes = made.SerializeToString()
    return body


ALL = [everything(number) for number in range(50)]


def to(protocol: str, port: int, **more: Any) -> Parts:
    """An exporter of the official Collector's, which soon tries again."""
    retry = {"initial_interval": "100ms", "randomization_factor": 0, "max_elapsed_time": 0}
    told = {"tls": {"insecure": True}, "retry_on_failure": retry, **more}
    if protocol == "grpc":
        return {"otlp_grpc": {"endpoint": f"{HOST}:{port}", **told}}
    return {"otlp_http": {"endpoint": f"http://{HOST}:{port}", **told}}


def to_ours(protocol: str, ours: Receivers, **more: Any) -> Parts:
    return to(protocol, ours.grpc.port if protocol == "grpc" else ours.http.port, **more)


def send(protocol: str, peer: Official, bodies: Sequence[bytes]) -> None:
    """All of them, packed, and each is taken."""
    sender = GrpcSender(peer.grpc) if protocol == "grpc" else HttpSender(peer.http)
    assert {sender.send(body, packed=True).code for body in bodies} == {"OK"}
    sender.close()


@contextmanager
def forwarding(
    dir: Path, protocol: str, peer: Official, compression: str = "gzip"
) -> Iterator[tuple[RequestLog, Forwarder]]:
    """One of our exporters to it, fed from a log."""
    log = RequestLog(dir / "sent.db")
    far: GrpcPeer | HttpPeer
    if protocol == "grpc":
        far = GrpcPeer(f"http://{HOST}:{peer.grpc}", compression=compression)
    else:
        far = HttpPeer(url_of(f"http://{HOST}:{peer.http}"), compression=compression)
    exporter = OtlpExporter("far", far, max_bytes=50_000)
    forwarder = Forwarder(log, exporter, RetryPolicy(initial_interval=0.05, max_interval=0.2))
    forwarder.start()
    try:
        yield log, forwarder
    finally:
        forwarder.stop()
        log.close()


def have_come(ours: Receivers, bodies: Sequence[bytes]) -> None:
    """Waits until so many points came as those hold, and they are the same, each once."""
    wanted = every_point(merged(*bodies))
    until(lambda: ours.reception.counters.value(ACCEPTED) >= len(wanted))
    assert every_point(merged(*ours.kept())) == wanted


@BOTH
def test_it_sends_to_ours(tmp_path: Path, protocol: str) -> None:
    """As an agent, with its batches and its gzip: each point arrives as it was sent, once."""
    with (
        receivers(tmp_path / "requests.db") as far,
        official(tmp_path, to_ours(protocol, far), processors={"batch": {}}) as agent,
    ):
        send(protocol, agent, ALL)
        have_come(far, ALL)


@pytest.mark.parametrize(
    ("protocol", "compression"),
    [("grpc", "none"), ("grpc", "gzip"), ("http", "none"), ("http", "gzip"), ("http", "zstd")],
)
def test_ours_sends_to_it(tmp_path: Path, protocol: str, compression: str) -> None:
    """Joined and split as ours does it, and packed: it passes on each point as it was, once."""
    with (
        receivers(tmp_path / "requests.db") as far,
        official(tmp_path, to_ours("grpc", far)) as gateway,
        forwarding(tmp_path, protocol, gateway, compression) as (log, forwarder),
    ):
        for body in ALL:
            log.append(body, len(every_point(body)))
        have_come(far, ALL)
        until(lambda: forwarder.standing().lag_points == 0)
        assert forwarder.standing().sent == len(every_point(merged(*ALL)))
        assert forwarder.standing().error == ""


def logged(number: int) -> bytes:
    """Ten points of one of our own processes, and ten of another sender."""
    numbers = range(10 * number + 1, 10 * number + 11)
    points = [
        point(NOW + n, float(n), None, [exemplar(NOW + n, float(n), step=n, seq=n)])
        for n in numbers
    ]
    theirs = [point(NOW + n, float(n), {"training.step": n}) for n in numbers]
    both = ours(gauge_of("loss", *points)), request(gauge_of("loss", *theirs))
    return merged(*(each.SerializeToString() for each in both))


CHAIN = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}}}
exporters:
  otel_trackio:
  otlp_{protocol}:
    endpoint: http://127.0.0.1:{port}
    retry_on_failure: {{initial_interval: 50ms, max_interval: 200ms}}
extensions: {{health_check: {{endpoint: "127.0.0.1:0"}}}}
service:
  extensions: [health_check]
  pipelines: {{metrics: {{receivers: [otlp], exporters: [otel_trackio, otlp_{protocol}]}}}}
"""


@BOTH
@pytest.mark.parametrize("queue", ["none", "on disk"])
def test_between_two_of_ours(
    tmp_path: Path, protocol: str, queue: str, size: Callable[[int, int], int]
) -> None:
    """Where it acknowledges nothing that it could lose, it is killed again and again, and both of
    ours hold the same runs, each point once."""
    kills = size(3, 30)
    extension: Parts = {}
    more: dict[str, Any] = {"sending_queue": {"enabled": False}}
    if queue == "on disk":
        if not stores():
            pytest.skip("needs an official Collector with file_storage")
        extension, more = on_disk(tmp_path / "queue")
    ends, config = [tmp_path / "first", tmp_path / "last"], tmp_path / "first.yaml"
    with ExitStack() as stack:
        last = stack.enter_context(running([*FREE], ends[1]))
        exporter = to(protocol, port_of(last, protocol), **more)
        middle = stack.enter_context(official(tmp_path, exporter, extensions=extension))
        port = middle.grpc if protocol == "grpc" else middle.http
        config.write_text(CHAIN.format(protocol=protocol, port=port))
        first = stack.enter_context(running(["--config", str(config)], ends[0]))
        sender = HttpSender(port_of(first, "http"))
        stack.callback(sender.close)
        for number in range(20 * kills):
            assert sender.send(logged(number)).code == "OK"
            if number % 20 == 10:
                until(lambda: first.exporters()[f"otlp_{protocol}"]["sent"])
                middle.kill()
                middle.start()
        until(first.caught_up)
        until(lambda: held(ends[1]) == held(ends[0]))
    counts = {name: len(points) for name, points in held(ends[1]).items()}
    assert counts == {"n": 200 * kills, "one": 200 * kills}


def port_of(it: Running, protocol: str) -> int:
    return int(it.endpoint(f"otlp/{protocol}").rpartition(":")[2])


def held(dir: Path) -> dict[str, list[Any]]:
    """Every point of each run, by its name, by time: it sends several requests at once."""
    return {
        run.name: sorted(curve(run, "loss"), key=lambda point: point[1]) for run in Api(dir).runs()
    }


@BOTH
def test_it_comes_again_when_it_is_told(tmp_path: Path, protocol: str) -> None:
    """While our log has no room it is told when to try again, does not before, and loses nothing
    once there is room."""
    with (
        receivers(tmp_path / "requests.db", max_bytes=12_000) as far,
        official(tmp_path, to_ours(protocol, far)) as agent,
    ):
        send(protocol, agent, ALL)
        until(lambda: "Will retry" in agent.said)
        cursor = far.log.cursor("keeps all", never_skipped=True)
        found: list[bytes] = []

        def has_come() -> bool:
            if entries := cursor.read(1 << 30):
                found.extend(each.body for each in entries)
                cursor.advance(entries[-1].number)
            return len(every_point(merged(*found))) >= len(every_point(merged(*ALL)))

        until(has_come)
        assert every_point(merged(*found)) == every_point(merged(*ALL))
        assert far.reception.counters.value(REFUSED) > 0
        waits = [json.loads(line).get("interval") for line in agent.said.splitlines()]
        assert {each for each in waits if each} == {"5s"}


@BOTH
def test_it_gives_up_what_is_too_large(tmp_path: Path, protocol: str) -> None:
    """What we shall never take it drops, and what is behind that comes."""
    large = gauge("loss", map(float, range(20_000)))
    limits = Limits(max_request_bytes=100_000)
    with (
        receivers(tmp_path / "requests.db", limits=limits) as far,
        official(tmp_path, to_ours(protocol, far)) as agent,
    ):
        send(protocol, agent, [large, *ALL])
        have_come(far, ALL)
        until(lambda: "Dropping data" in agent.said)


@BOTH
def test_what_its_memory_limiter_refuses(tmp_path: Path, protocol: str) -> None:
    """Ours tries that again until it goes through, and all of it arrives, once."""
    limiter = {"memory_limiter": {"check_interval": "50ms", "limit_mib": 1}}
    with (
        receivers(tmp_path / "requests.db") as far,
        official(tmp_path, to_ours("grpc", far), processors=limiter) as narrow,
        forwarding(tmp_path, protocol, narrow) as (log, forwarder),
    ):
        until(lambda: "Memory usage is above" in narrow.said)
        for body in ALL:
            log.append(body, len(every_point(body)))
        until(lambda: forwarder.standing().failures > 3)
        assert "memory" in forwarder.standing().error
        narrow.kill()
        narrow.configure(to_ours("grpc", far))
        narrow.start()
        have_come(far, ALL)
        until(lambda: forwarder.standing().lag_points == 0)
        assert not any(forwarder.standing().dropped.values())

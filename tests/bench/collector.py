"""What it costs to receive: durable before it is acknowledged, over gRPC and HTTP.

Beside it, where it is installed, rotel receives the same and throws it away. As a program it is
what is measured: `python -m tests.bench.collector DIR` prints its ports, and serves until its input
ends.
"""

from __future__ import annotations

import http.client
import importlib.util
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
import psutil
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from otel_trackio_collector.grpcreceiver import METRICS, GrpcReceiver
from otel_trackio_collector.httpreceiver import PATH, PROTOBUF, metrics_app
from otel_trackio_collector.httpserver import HttpServer
from otel_trackio_collector.reception import Reception
from otel_trackio_collector.requestlog import RequestLog
from tests.bench.table import Row

ROOT: Final = Path(__file__).parents[2]
HOST: Final = "127.0.0.1"
SIZES: Final = (1_000, 10_000)
"""Points a request."""

METRIC_COUNT: Final = 20
SENDERS: Final = 4

PACE: Final = 100_000
"""Points a second while answers are timed; else senders go as fast as they may."""

US_POINT: Final = 2.0
"""500,000 points a CPU-second, at 10,000 points a request."""

P99_MS: Final = 50.0
MEMORY_MB: Final = 200.0
WAIT: Final = 60.0


@dataclass(frozen=True, slots=True)
class Served:
    """A receiver: its process, and where it listens."""

    process: psutil.Process
    grpc: int
    http: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Of requests sent: CPU of the receiver a point, and how long answers took."""

    us_point: float
    p50_ms: float
    p99_ms: float
    k_points_second: float


def rows(quick: bool) -> list[Row]:
    seconds = 2.0 if quick else 6.0
    bodies = {points: body_of(points) for points in SIZES}
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as name, _ours(Path(name)) as ours, _rotel() as peer:
        for protocol in ("gRPC", "HTTP"):
            for points, body in bodies.items():
                what = f"{points:,} points a request over {protocol}"
                cost = measured(ours, protocol, body, points, seconds)
                paced = measured(ours, protocol, body, points, seconds, PACE)
                bound = US_POINT if points == max(SIZES) else None
                found.append(Row(f"{what}: CPU", cost.us_point, "us/point", bound))
                found.append(Row(f"{what}: as fast as it goes", cost.k_points_second, "k points/s"))
                rate = f"{what}, {PACE // 1000} k points/s"
                found.append(Row(f"{rate}: on disk, 50 of 100", paced.p50_ms, "ms"))
                found.append(Row(f"{rate}: on disk, 99 of 100", paced.p99_ms, "ms", P99_MS))
                if peer is not None:
                    theirs = measured(peer, protocol, body, points, seconds)
                    paced = measured(peer, protocol, body, points, seconds, PACE)
                    found.append(Row(f"{what}: CPU of rotel", theirs.us_point, "us/point"))
                    ratio = cost.us_point / theirs.us_point
                    found.append(Row(f"{what}: CPU, ours for rotel's", ratio, "x"))
                    found.append(Row(f"{rate}: rotel, on no disk, 99 of 100", paced.p99_ms, "ms"))
        found.append(Row("memory at most", _most(ours) / 1e6, "MB", MEMORY_MB))
        if peer is not None:
            found.append(Row("memory at most of rotel", _most(peer) / 1e6, "MB"))
    return found


def body_of(points: int) -> bytes:
    """Gauges as a training job would send them: six attributes a point."""
    made, begin = random.Random(7), 1_750_000_000_000_000_000
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    for key in ("service.name", "service.instance.id", "otel_trackio.run.id", "host.name"):
        resource.resource.attributes.add(key=key).value.string_value = f"value of {key}"
    scope = resource.scope_metrics.add()
    for number in range(METRIC_COUNT):
        metric = scope.metrics.add(name=f"train.metric_{number}")
        for place in range(points // METRIC_COUNT):
            point = metric.gauge.data_points.add(time_unix_nano=begin + place * 1_000_000)
            point.as_double = made.random()
            for key in ("phase", "layer", "module", "device", "group"):
                point.attributes.add(key=key).value.string_value = f"{key}.{place % 40}"
            point.attributes.add(key="rank").value.int_value = place % 64
    content: bytes = request.SerializeToString()
    return content


def measured(
    served: Served, protocol: str, body: bytes, points: int, seconds: float, pace: float = 1e12
) -> Cost:
    """Several senders, each of which sends the next request once the last is acknowledged.

    Together they send no more than `pace` points a second.
    """
    sender = _grpc_sender if protocol == "gRPC" else _http_sender
    port = served.grpc if protocol == "gRPC" else served.http
    interval, made = SENDERS * points / pace, random.Random(7)
    times: list[float] = []
    ready = threading.Barrier(SENDERS + 1)
    done = threading.Event()

    def work() -> None:
        send = sender(port)
        send(body)
        ready.wait(WAIT)
        pause = made.random() * interval
        while not done.wait(pause):
            begin = time.perf_counter()
            send(body)
            taken = time.perf_counter() - begin
            times.append(taken)
            pause = max(0.0, interval - taken)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(SENDERS)]
    for each in threads:
        each.start()
    ready.wait(WAIT)
    before, begin = _cpu(served), time.perf_counter()
    time.sleep(seconds)
    done.set()
    for each in threads:
        each.join()
    taken, total = time.perf_counter() - begin, len(times) * points
    p50, p99 = (1e3 * sorted(times)[int(len(times) * part)] for part in (0.5, 0.99))
    return Cost((_cpu(served) - before) * 1e6 / total, p50, p99, total / taken / 1e3)


def _grpc_sender(port: int) -> Callable[[bytes], object]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    channel = grpc.insecure_channel(f"{HOST}:{port}", options)
    call: Callable[..., object] = channel.unary_unary(f"/{METRICS}/Export")
    return lambda body: call(body, timeout=WAIT, wait_for_ready=True)


def _http_sender(port: int) -> Callable[[bytes], object]:
    connection = http.client.HTTPConnection(HOST, port, timeout=WAIT)

    def send(body: bytes) -> None:
        connection.request("POST", PATH, body, {"Content-Type": PROTOBUF})
        response = connection.getresponse()
        response.read()
        assert response.status == 200, response.status

    return send


def _cpu(served: Served) -> float:
    times = served.process.cpu_times()
    return times.user + times.system


def _most(served: Served) -> int:
    status = Path(f"/proc/{served.process.pid}/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


@contextmanager
def _ours(dir: Path) -> Iterator[Served]:
    command = (sys.executable, "-m", "tests.bench.collector", str(dir))
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ports = [int(port) for port in process.stdout.readline().split()]
        yield Served(psutil.Process(process.pid), *ports)
        process.stdin.close()


@contextmanager
def _rotel() -> Iterator[Served | None]:
    """rotel with nothing behind it, where it is installed."""
    found = importlib.util.find_spec("rotel")
    if found is None or found.origin is None:
        yield None
        return
    ports = (_free_port(), _free_port())
    command = [str(Path(found.origin).with_name("rotel-agent")), "start", "--exporter", "blackhole"]
    command += ["--otlp-grpc-endpoint", f"{HOST}:{ports[0]}", "--otlp-grpc-max-recv-msg-size-mib"]
    command += ["64", "--otlp-http-endpoint", f"{HOST}:{ports[1]}"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
        deadline = time.monotonic() + WAIT
        while any(not _listens(port) for port in ports) and time.monotonic() < deadline:
            time.sleep(0.05)
        yield Served(psutil.Process(process.pid), *ports)
        process.terminate()


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0


def _serve(dir: Path) -> None:
    log = RequestLog(dir / "requests.db")
    cursor = log.cursor("sent")
    reception = Reception(log)
    receivers = (
        GrpcReceiver(reception, f"{HOST}:0"),
        HttpServer(metrics_app(reception), f"{HOST}:0"),
    )
    for each in receivers:
        each.start()
    print(*(each.port for each in receivers), flush=True)
    # What is measured is receiving: an exporter would read, and let go, in the same way.
    ending = threading.Thread(target=sys.stdin.read, daemon=True)
    ending.start()
    while ending.is_alive():
        if log.wait(cursor.position, 0.1):
            cursor.advance(log.head())
    for each in receivers:
        each.stop(0)
    log.close()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))

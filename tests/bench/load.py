"""What a receiver is given to do, and what it cost."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
import psutil
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from otel_trackio_collector.grpcreceiver import METRICS
from otel_trackio_collector.httpreceiver import PATH, PROTOBUF

HOST: Final = "127.0.0.1"
METRIC_COUNT: Final = 20
SENDERS: Final = 4
WAIT: Final = 60.0

BEGAN: Final = 1_750_000_000_000_000_000
"""When the first point was measured, in ns; the next ones of its metric a ms each later."""


@dataclass(frozen=True, slots=True)
class Served:
    """A receiver: its process, and where it listens."""

    process: psutil.Process
    grpc: int
    http: int

    def cpu(self) -> float:
        """Seconds so far."""
        times = self.process.cpu_times()
        return times.user + times.system

    def most(self) -> float:
        """Megabytes of memory that it has held at most."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0]) / 1e6


@dataclass(frozen=True, slots=True)
class Cost:
    """Of requests sent: CPU of the receiver a point, and how long answers took."""

    us_point: float
    p50_ms: float
    p99_ms: float
    k_points_second: float


def body_of(points: int, begin: int = BEGAN) -> bytes:
    """Gauges as a training job would send them: six attributes a point."""
    made = random.Random(7)
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
    sender = grpc_sender if protocol == "gRPC" else http_sender
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
    before, begin = served.cpu(), time.perf_counter()
    time.sleep(seconds)
    done.set()
    for each in threads:
        each.join()
    taken, total = time.perf_counter() - begin, len(times) * points
    p50, p99 = (1e3 * sorted(times)[int(len(times) * part)] for part in (0.5, 0.99))
    return Cost((served.cpu() - before) * 1e6 / total, p50, p99, total / taken / 1e3)


def grpc_sender(port: int) -> Callable[[bytes], object]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    channel = grpc.insecure_channel(f"{HOST}:{port}", options)
    call: Callable[..., object] = channel.unary_unary(f"/{METRICS}/Export")
    return lambda body: call(body, timeout=WAIT, wait_for_ready=True)


def http_sender(port: int) -> Callable[[bytes], object]:
    connection = http.client.HTTPConnection(HOST, port, timeout=WAIT)

    def send(body: bytes) -> None:
        connection.request("POST", PATH, body, {"Content-Type": PROTOBUF})
        response = connection.getresponse()
        response.read()
        assert response.status == 200, response.status

    return send

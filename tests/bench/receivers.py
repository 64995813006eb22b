"""The receivers that are measured, each a process of its own: ours, and those of others.

As a program it is ours: `python -m tests.bench.receivers DIR` prints its ports, and serves until
its input ends.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil

from otel_trackio_collector.grpcreceiver import GrpcReceiver
from otel_trackio_collector.httpreceiver import metrics_app
from otel_trackio_collector.httpserver import HttpServer
from otel_trackio_collector.reception import Reception
from otel_trackio_collector.requestlog import RequestLog
from tests.bench.load import HOST, Served
from tests.collector.official import PROGRAM, Parts, is_open, official, on_disk, stores
from tests.collector.sinks import until, unused_port

ROOT: Final = Path(__file__).parents[2]


@contextmanager
def ours(dir: Path) -> Iterator[Served]:
    command = (sys.executable, "-m", "tests.bench.receivers", str(dir))
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ports = [int(port) for port in process.stdout.readline().split()]
        yield Served(psutil.Process(process.pid), *ports)
        process.stdin.close()


@contextmanager
def rotel(dir: Path) -> Iterator[Served | None]:
    """rotel with nothing behind it, where it is installed."""
    found = importlib.util.find_spec("rotel")
    if found is None or found.origin is None:
        yield None
        return
    ports = (unused_port(), unused_port())
    command = [str(Path(found.origin).with_name("rotel-agent")), "start", "--exporter", "blackhole"]
    command += ["--otlp-grpc-endpoint", f"{HOST}:{ports[0]}", "--otlp-grpc-max-recv-msg-size-mib"]
    command += ["64", "--otlp-http-endpoint", f"{HOST}:{ports[1]}"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
        until(lambda: all(is_open(port) for port in ports))
        yield Served(psutil.Process(process.pid), *ports)
        process.terminate()


@contextmanager
def official_nop(dir: Path) -> Iterator[Served | None]:
    """The official Collector with nothing behind it, where OTELCOL names one."""
    if not PROGRAM:
        yield None
        return
    with official(dir / "nop", {"nop": {}}) as found:
        yield Served(psutil.Process(found.process.pid), found.grpc, found.http)


@contextmanager
def official_on_disk(dir: Path) -> Iterator[Served | None]:
    """The official Collector that keeps all on disk for a peer that is not there, if it can."""
    if not (PROGRAM and stores()):
        yield None
        return
    extensions, queue = on_disk(dir / "queue")
    queue["sending_queue"]["queue_size"] = 1_000_000
    exporter: Parts = {"otlp_grpc": {"endpoint": f"{HOST}:{unused_port()}", **queue, **PATIENT}}
    with official(dir / "on disk", exporter, extensions=extensions) as found:
        yield Served(psutil.Process(found.process.pid), found.grpc, found.http)


PATIENT: Final[dict[str, Any]] = {
    "tls": {"insecure": True},
    "retry_on_failure": {"initial_interval": "10m", "max_interval": "10m", "max_elapsed_time": 0},
}
"""For a peer that is not there: what is measured is receiving."""


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

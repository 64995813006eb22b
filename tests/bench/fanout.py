"""What it costs to send everything on to three: the whole collector, from sender to peers.

Beside it, where OTELCOL names one, otelcol, the official Collector, does the same, with its queues
in memory, and on disk.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

import psutil
import yaml

from tests.bench.collector import MEMORY_MB
from tests.bench.load import BEGAN, HOST, SENDERS, Served, body_of, grpc_sender
from tests.bench.sink import Sink, sink
from tests.bench.table import Row
from tests.collector.official import PROGRAM, Parts, official, on_disk, stores
from tests.collector.process import running

POINTS: Final = 10_000
"""Points a request."""

PATIENCE: Final = 300.0
"""Seconds until all peers must have all."""

LOOK_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Flow:
    """CPU of the collector a point; points from the first one sent until all peers have all."""

    us_point: float
    k_points_second: float
    most_mb: float


def rows(quick: bool) -> list[Row]:
    bodies = [body_of(POINTS, BEGAN + n * POINTS * 1_000_000) for n in range(20 if quick else 100)]
    with tempfile.TemporaryDirectory() as name:
        dir = Path(name)
        return [*_with_remote_write(dir, bodies), *_with_otlp_alone(dir, bodies)]


def _with_remote_write(dir: Path, bodies: list[bytes]) -> Iterator[Row]:
    with sink() as peer:
        write = {"prometheusremotewrite": {"endpoint": f"http://{HOST}:{peer.http}/api/v1/write"}}
        flow = _ours(dir / "ours", {**_otlp(peer), **write}, peer, bodies, over_http=1)
    what = "to gRPC, HTTP and remote write"
    yield Row(f"{what}: CPU", flow.us_point, "us/point")
    yield Row(f"{what}: until all have all", flow.k_points_second, "k points/s")
    yield Row(f"{what}: memory at most", flow.most_mb, "MB", MEMORY_MB)


def _with_otlp_alone(dir: Path, bodies: list[bytes]) -> Iterator[Row]:
    """What the core of the official Collector can do, too."""
    if not PROGRAM:
        return
    with sink() as peer:
        ours = _ours(dir / "alone", _three(peer), peer, bodies, over_http=2)
    what = "to gRPC and twice HTTP"
    yield Row(f"{what}: CPU", ours.us_point, "us/point")
    yield Row(f"{what}: until all have all", ours.k_points_second, "k points/s")
    yield Row(f"{what}: memory at most", ours.most_mb, "MB", MEMORY_MB)
    extensions, queue = on_disk(dir / "queue")
    kinds: dict[str, tuple[Parts, dict[str, Any]]] = {"otelcol": ({}, {})}
    if stores():
        kinds["otelcol on disk"] = (extensions, queue)
    for name, how in kinds.items():
        with sink() as peer:
            theirs = _official(dir / name, peer, bodies, *how)
        yield Row(f"{what}: CPU of {name}", theirs.us_point, "us/point")
        yield Row(f"{what}: CPU, ours for that of {name}", ours.us_point / theirs.us_point, "x")
        yield Row(f"{what}: {name}, until all have all", theirs.k_points_second, "k points/s")
        yield Row(f"{what}: {name}, memory at most", theirs.most_mb, "MB")


def _otlp(peer: Sink) -> Parts:
    return {
        "otlp_grpc": {"endpoint": f"{HOST}:{peer.grpc}", "tls": {"insecure": True}},
        "otlp_http": {"endpoint": f"http://{HOST}:{peer.http}"},
    }


def _three(peer: Sink) -> Parts:
    return {**_otlp(peer), "otlp_http/second": {"endpoint": f"http://{HOST}:{peer.http}"}}


def _ours(dir: Path, exporters: Parts, peer: Sink, bodies: list[bytes], over_http: int) -> Flow:
    """The process that users start, with all that it does, but for its own store."""
    pipeline = {"receivers": ["otlp"], "exporters": [*exporters]}
    told = {
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"{HOST}:0"}}}},
        "exporters": exporters,
        "extensions": {"health_check": {"endpoint": f"{HOST}:0"}},
        "service": {"extensions": ["health_check"], "pipelines": {"metrics": pipeline}},
    }
    dir.mkdir()
    config = dir / "collector.yaml"
    config.write_text(yaml.safe_dump(told))
    with running(["--config", str(config)], dir) as it:
        port = int(it.endpoint("otlp/grpc").rpartition(":")[2])
        served = Served(psutil.Process(it.process.pid), port, 0)
        # Remote write the peer does not count: there the collector's own word is taken.
        return _flow(served, bodies, lambda: _all_came(peer, bodies, over_http) and it.caught_up())


def _official(
    dir: Path, peer: Sink, bodies: list[bytes], extensions: Parts, queue: dict[str, Any]
) -> Flow:
    """Nothing is lost in its queues, for which its senders wait."""
    settings = {"sending_queue": {"block_on_overflow": True, **queue.get("sending_queue", {})}}
    exporters = {name: {**each, **settings} for name, each in _three(peer).items()}
    with official(dir, exporters, extensions=extensions) as found:
        served = Served(psutil.Process(found.process.pid), found.grpc, found.http)
        return _flow(served, bodies, lambda: _all_came(peer, bodies, over_http=2))


def _all_came(peer: Sink, bodies: list[bytes], over_http: int) -> bool:
    came, total = peer.came(), len(bodies) * POINTS
    return came["grpc"] >= total and came["http"] >= over_http * total


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "not all came"
        time.sleep(LOOK_SECONDS)


def _flow(served: Served, bodies: list[bytes], done: Callable[[], bool]) -> Flow:
    waiting: SimpleQueue[bytes] = SimpleQueue()
    for body in bodies:
        waiting.put(body)

    def work() -> None:
        send = grpc_sender(served.grpc)
        try:
            while True:
                send(waiting.get_nowait())
        except Empty:
            pass

    before, began = served.cpu(), time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(SENDERS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    _wait(done)
    taken, total = time.perf_counter() - began, len(bodies) * POINTS
    return Flow((served.cpu() - before) * 1e6 / total, total / taken / 1e3, served.most())

"""Servers that exporters send to, real ones in this process, each with its own way to misbehave."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cramjam
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

UNPACK: Mapping[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "snappy": bytes,
    "gzip": gzip.decompress,
    "zstd": lambda body: bytes(cramjam.zstd.decompress(body)),
}


@dataclass(frozen=True)
class Answer:
    """What a server says: with status 200 it has taken the request."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


PROTOBUF = {"Content-Type": "application/x-protobuf"}
TAKEN = Answer(headers=PROTOBUF)

Behave = Callable[[int, bytes], Answer]
"""The answer to the n-th request, from 0, of that body."""


@dataclass
class Sink:
    """A server: `bodies` are what it took, `asked` how often it was asked."""

    behave: Behave
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: int = 0
    url: str = ""

    def values(self) -> list[float]:
        """Of all gauges taken, in the order in which they came."""
        found = []
        for body in list(self.bodies):
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        found += [point.as_double for point in metric.gauge.data_points]
        return found


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is what tests are about."""


@contextmanager
def serving(behave: Behave = lambda number, body: TAKEN, port: int = 0) -> Iterator[Sink]:
    """A server over HTTP, until the block ends."""
    sink = Sink(behave)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            packed = self.rfile.read(int(self.headers["Content-Length"]))
            body = UNPACK[self.headers.get("Content-Encoding", "")](packed)
            sink.headers.append(dict(self.headers.items()))
            sink.asked += 1
            answer = sink.behave(sink.asked - 1, body)
            if answer.status == 200 and answer is not GARBAGE:
                sink.bodies.append(body)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    sink.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


GARBAGE = Answer(body=b"\xff\xff\xff no message", headers=PROTOBUF)


def unused_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Waits for a condition; fails where it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)

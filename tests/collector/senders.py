"""Senders of OTLP to one receiver, over gRPC or HTTP, which see the answer whole."""

from __future__ import annotations

import gzip
import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)

from otel_trackio_collector.admission import Admission, Limits, Tokens
from otel_trackio_collector.grpcreceiver import METRICS, GrpcReceiver
from otel_trackio_collector.httpreceiver import PATH, PROTOBUF, metrics_app
from otel_trackio_collector.httpserver import HttpServer
from otel_trackio_collector.reception import Reception
from otel_trackio_collector.requestlog import RequestLog
from otel_trackio_collector.servertls import ServerTls

PATIENCE = 60.0
HOST = "localhost"


@dataclass(frozen=True)
class Answer:
    """What a sender was told; `code` is gRPC's, by name, in both protocols."""

    code: str
    message: str = ""
    retry_after: float | None = None
    rejected: int = 0
    http: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


class Sender(Protocol):
    def send(self, body: bytes, packed: bool = False) -> Answer: ...
    def close(self) -> None: ...


class GrpcSender:
    def __init__(
        self, port: int, token: str = "", credentials: grpc.ChannelCredentials | None = None
    ) -> None:
        options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        address = f"{HOST}:{port}"
        if credentials is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            self._channel = grpc.secure_channel(address, credentials, options)
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()

    def send(self, body: bytes, packed: bool = False, service: str = METRICS) -> Answer:
        call: Callable[..., bytes] = self._channel.unary_unary(f"/{service}/Export")
        compression = grpc.Compression.Gzip if packed else None
        try:
            answer = call(
                body,
                timeout=PATIENCE,
                metadata=self._metadata,
                compression=compression,
                wait_for_ready=False,
            )
        except grpc.RpcError as error:
            return _refused(error)
        return _taken(answer)

    def stall(self) -> Answer:
        """Opens a call, and sends nothing."""
        never = threading.Event()
        call: Callable[..., bytes] = self._channel.stream_unary(f"/{METRICS}/Export")
        try:
            call(iter(never.wait, True), timeout=PATIENCE)
        except grpc.RpcError as error:
            return _refused(error)
        finally:
            never.set()
        raise AssertionError("it was answered as if it had sent something")

    def close(self) -> None:
        self._channel.close()


class HttpSender:
    def __init__(self, port: int, token: str = "", context: ssl.SSLContext | None = None) -> None:
        self._connection = (
            http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
            if context is None
            else http.client.HTTPSConnection(HOST, port, timeout=PATIENCE, context=context)
        )
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def send(self, body: bytes, packed: bool = False) -> Answer:
        if packed:
            return self.request(gzip.compress(body, 1), {"Content-Encoding": "gzip"})
        return self.request(body)

    def request(
        self,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
        path: str = PATH,
    ) -> Answer:
        headers = {"Content-Type": PROTOBUF, **self._headers, **(headers or {})}
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            content = response.read()
        except OSError:
            self._connection.close()
            raise
        got = {name.lower(): value for name, value in response.getheaders()}
        if response.status == 200:
            taken = _taken(content) if got["content-type"] == PROTOBUF else Answer("OK")
            return Answer(taken.code, taken.message, None, taken.rejected, 200, got)
        after = float(got["retry-after"]) if "retry-after" in got else None
        if got.get("content-type") != PROTOBUF:
            return Answer("", content.decode(), after, 0, response.status, got)
        status = Status.FromString(content)
        code = next(code.name for code in grpc.StatusCode if code.value[0] == status.code)
        return Answer(code, status.message, after, 0, response.status, got)

    def close(self) -> None:
        self._connection.close()


def _refused(error: grpc.RpcError) -> Answer:
    """What a call failed with; both places of RetryInfo, and both of the status, must agree."""
    assert isinstance(error, grpc.Call)
    trailers = dict(error.trailing_metadata() or ())
    after = None
    if "google.rpc.retryinfo-bin" in trailers:
        info = RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"])
        after = info.retry_delay.ToTimedelta().total_seconds()
    if "grpc-status-details-bin" in trailers:
        status = Status.FromString(trailers["grpc-status-details-bin"])
        assert (status.code, status.message) == (error.code().value[0], error.details())
        assert bool(status.details) == (after is not None)
    return Answer(error.code().name, str(error.details()), after)


def _taken(content: bytes) -> Answer:
    partial = ExportMetricsServiceResponse.FromString(content).partial_success
    return Answer("OK", partial.error_message, None, partial.rejected_data_points)


class Receivers:
    """Both receivers in this process, in front of one log."""

    def __init__(
        self,
        path: Path,
        limits: Limits | None = None,
        tokens: Tokens | None = None,
        tls: ServerTls | None = None,
        max_bytes: int = 1 << 30,
    ) -> None:
        self.log = RequestLog(path, max_bytes)
        self.log.cursor("keeps all", never_skipped=True)
        self.reception = Reception(self.log, Admission(limits), tokens)
        self.grpc = GrpcReceiver(self.reception, f"{HOST}:0", tls)
        self.http = HttpServer(metrics_app(self.reception), f"{HOST}:0", tls)
        self.grpc.start()
        self.http.start()

    def sender(self, protocol: str, token: str = "") -> Sender:
        if protocol == "grpc":
            return GrpcSender(self.grpc.port, token)
        return HttpSender(self.http.port, token)

    def kept(self) -> list[bytes]:
        return [entry.body for entry in self.log.read(0, 1 << 30)]

    def close(self) -> None:
        self.grpc.stop(0)
        self.http.stop(0)
        self.reception.stop()
        self.log.close()


@contextmanager
def receivers(path: Path, **options: object) -> Iterator[Receivers]:
    found = Receivers(path, **options)  # type: ignore[arg-type]
    try:
        yield found
    finally:
        found.close()


def until(what: Callable[[], bool]) -> None:
    """Waits until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)

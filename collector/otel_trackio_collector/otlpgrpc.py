"""OTLP over gRPC: bytes in, bytes out, no stubs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from otel_trackio.peer import Refused, Retryable, TooLarge, Unwelcome
from otel_trackio_collector.clienttls import ClientTls
from otel_trackio_collector.forwarding import CREDENTIALS
from otel_trackio_collector.otlpstatus import RETRY_DETAILS, STATUS_DETAILS

METHOD: Final = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"

RETRYABLE: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""The codes after which OTLP tells a client to try again; RESOURCE_EXHAUSTED is another, but only
where the peer says when."""

REMEDIES: Final = {
    grpc.StatusCode.UNAUTHENTICATED: CREDENTIALS,
    grpc.StatusCode.PERMISSION_DENIED: CREDENTIALS,
    grpc.StatusCode.UNIMPLEMENTED: "look at the endpoint: does it take OTLP metrics over gRPC?",
}
"""Of codes that are not about what was sent."""

SIGNS: Final = {
    "WRONG_VERSION_NUMBER": "does it want TLS? If not: http://HOST:PORT, or tls: {insecure: true}",
    "Expected SETTINGS frame": "is that a port of gRPC? One of HTTP is for otlp_http",
}
"""What connections fail with, and what is mostly the cause."""

COMPRESSION: Final = {
    "none": grpc.Compression.NoCompression,
    "gzip": grpc.Compression.Gzip,
    "deflate": grpc.Compression.Deflate,
}

OPTIONS: Final = (
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)
"""Our own policy says when to try again, and splitting how large a message is."""


class GrpcPeer:
    """A server at `endpoint`: HOST:PORT, or with http:// for no TLS, or https://."""

    def __init__(
        self,
        endpoint: str,
        headers: Mapping[str, str] | None = None,
        tls: ClientTls | None = None,
        compression: str = "gzip",
        timeout: float = 30.0,
    ) -> None:
        """Raises ConfigError for TLS settings that cannot be used."""
        tls = tls or ClientTls()
        target, plain = target_of(endpoint)
        options: list[tuple[str, Any]] = [*OPTIONS]
        if tls.server_name_override:
            options.append(("grpc.ssl_target_name_override", tls.server_name_override))
        packed = COMPRESSION[compression]
        if plain or tls.insecure:
            self._channel = grpc.insecure_channel(target, options, packed)
        else:
            self._channel = grpc.secure_channel(target, tls.credentials(), options, packed)
        self._call: Any = self._channel.unary_unary(METHOD)
        self._metadata = tuple((name.lower(), value) for name, value in (headers or {}).items())
        self._timeout = timeout

    def send(self, body: bytes) -> bytes:
        """See `Peer`."""
        try:
            answer: bytes = self._call(body, timeout=self._timeout, metadata=self._metadata)
            return answer
        except grpc.RpcError as error:
            raise _fault(error) from error

    def close(self) -> None:
        self._channel.close()


def target_of(endpoint: str) -> tuple[str, bool]:
    """What gRPC calls a target, and whether the endpoint says that it goes without TLS."""
    if "://" not in endpoint:
        return endpoint, False
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https"):
        return endpoint, False
    return parts.netloc, parts.scheme == "http"


def _fault(error: Any) -> Exception:
    code, details = error.code(), error.details() or ""
    message = f"{code.name}: {details}{_remedy(details)}"
    after = retry_info(error.trailing_metadata() or ())
    exhausted = code is grpc.StatusCode.RESOURCE_EXHAUSTED
    if code in RETRYABLE or (exhausted and after is not None):
        return Retryable(message, after)
    if exhausted and "larger than" in details.lower():
        return TooLarge(message)
    if remedy := REMEDIES.get(code):
        return Unwelcome(f"{message}; {remedy}")
    return Refused(message)


def _remedy(details: str) -> str:
    """Where the transport is another than the peer's, which its error says in no plain word."""
    return next((f"; {told}" for sign, told in SIGNS.items() if sign in details), "")


def retry_info(trailers: Iterable[tuple[str, str | bytes]]) -> float | None:
    """Seconds, from the RetryInfo among a call's trailers, in either place."""
    for name, value in trailers:
        info = RetryInfo()
        try:
            if name == RETRY_DETAILS and isinstance(value, bytes):
                info = RetryInfo.FromString(value)
            elif name == STATUS_DETAILS and isinstance(value, bytes):
                for detail in Status.FromString(value).details:
                    detail.Unpack(info)
        except DecodeError:
            continue
        if info.HasField("retry_delay"):
            return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    return None

"""OTLP over HTTP: protobuf, POSTed to /v1/metrics."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import cramjam
import httpx
from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)

from otel_trackio_collector.clienttls import ClientTls
from otel_trackio_collector.forwarding import CREDENTIALS, Refused, Retryable, Unwelcome
from otel_trackio_collector.otlpexport import TooLarge

RETRYABLE: Final = frozenset({429, 502, 503, 504})
"""The statuses after which OTLP tells a client to try again; all other errors are for good."""

TOO_LARGE: Final = 413

_ENDPOINT: Final = "look at the endpoint: OTLP is taken at .../v1/metrics"
REMEDIES: Final = {
    301: _ENDPOINT,
    302: _ENDPOINT,
    307: _ENDPOINT,
    308: _ENDPOINT,
    401: CREDENTIALS,
    403: CREDENTIALS,
    404: _ENDPOINT,
    405: _ENDPOINT,
}
"""Of statuses that are not about what was sent."""

MOST_ANSWER: Final = 4 << 20
"""How much of an answer is read, in bytes."""

PATH: Final = "/v1/metrics"

PROTOBUF: Final = "application/x-protobuf"

PACK: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "none": bytes,
    "gzip": lambda body: gzip.compress(body, 1),
    "zstd": lambda body: bytes(cramjam.zstd.compress(body, 1)),
}
"""Content encodings by the name they have in the configuration."""


class HttpPeer:
    """A server at `url`, which is the whole one. Redirects are not followed: headers are secret."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        tls: ClientTls | None = None,
        compression: str = "gzip",
        timeout: float = 30.0,
    ) -> None:
        """Raises ConfigError for TLS files that cannot be used."""
        self._pack = PACK[compression]
        self._url = url
        encoding = {} if compression == "none" else {"Content-Encoding": compression}
        self._client = httpx.Client(
            headers={"User-Agent": "otel-trackio", **(headers or {}), **encoding}
            | {"Content-Type": PROTOBUF},
            verify=(tls or ClientTls()).context() if url.startswith("https:") else True,
            timeout=timeout,
        )
        self._timeout = timeout

    def send(self, body: bytes) -> bytes:
        """See `Peer`."""
        try:
            with self._client.stream("POST", self._url, content=self._pack(body)) as response:
                return _answer(response, _bounded(response, self._timeout))
        except httpx.HTTPError as error:
            raise Retryable(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        self._client.close()


def url_of(endpoint: str) -> str:
    """The URL for metrics under the endpoint of a server."""
    return endpoint if endpoint.endswith(PATH) else endpoint.rstrip("/") + PATH


def _bounded(response: httpx.Response, seconds: float) -> bytes:
    """The answer's body, unless it is too long, or too long in coming."""
    answer, deadline = b"", time.monotonic() + seconds
    for piece in response.iter_bytes():
        answer += piece
        if len(answer) > MOST_ANSWER:
            raise Retryable(f"the answer is larger than {MOST_ANSWER} bytes")
        if time.monotonic() > deadline:
            raise Retryable(f"the answer takes longer than {seconds:g} s")
    return answer


def _answer(response: httpx.Response, body: bytes) -> bytes:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if response.is_success:
        return _success(kind, body)
    message = f"{response.status_code} {response.reason_phrase}: {_reason(kind, body)}"
    if response.status_code == TOO_LARGE:
        raise TooLarge(message)
    if response.status_code in RETRYABLE:
        raise Retryable(message, retry_after(response.headers.get("Retry-After")))
    if remedy := REMEDIES.get(response.status_code):
        raise Unwelcome(f"{message}; {remedy}")
    raise Refused(message)


def _success(kind: str, body: bytes) -> bytes:
    """What stands in the answer; nothing where it is of no kind that OTLP has."""
    if kind == "application/json":
        try:
            parsed = Parse(
                body or b"{}", ExportMetricsServiceResponse(), ignore_unknown_fields=True
            )
        except ParseError:
            raise Retryable("the answer is not OTLP; does the endpoint speak it?") from None
        answer: bytes = parsed.SerializeToString()
        return answer
    if kind == "text/html":
        raise Retryable("a web page answers; is that the endpoint?")
    return body if kind == PROTOBUF else b""


def _reason(kind: str, body: bytes) -> str:
    """What an error says of itself, on one line."""
    if kind == PROTOBUF:
        try:
            return str(Status.FromString(body).message)
        except DecodeError:
            return "an answer that is not OTLP"
    return " ".join(body[:500].decode("utf-8", "replace").split())


def retry_after(header: str | None) -> float | None:
    """Seconds, from a header that holds seconds or a date."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None

"""OTLP over HTTP: protobuf, POSTed to /v1/metrics."""

from __future__ import annotations

import gzip
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)

from otel_trackio.endpoint import Headers, is_here
from otel_trackio.errors import ConfigError
from otel_trackio.peer import Refused, Retryable, TooLarge, Unwelcome

RETRYABLE: Final = frozenset({429, 502, 503, 504})
"""The statuses after which OTLP tells a client to try again; all other errors are for good."""

TOO_LARGE: Final = 413

ELSEWHERE: Final = frozenset({301, 302, 303, 307, 308, 404, 405})
UNKNOWN: Final = frozenset({401, 403, 407})
"""Statuses that are not about what was sent, but about where to, and by whom."""

MOST_ANSWER: Final = 4 << 20
"""How much of an answer is read, in bytes."""

CONNECT_SECONDS: Final = 10.0
"""How long nobody may answer at all."""

PROTOBUF: Final = "application/x-protobuf"

PACK: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "none": bytes,
    "gzip": lambda body: gzip.compress(body, 1),
}
"""Content encodings by their name."""


class HttpPeer:
    """A server at `url`, which is the whole one. Redirects are not followed: headers are secret."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        context: ssl.SSLContext | None = None,
        compression: str = "gzip",
        pack: Callable[[bytes], bytes] = PACK["gzip"],
        timeout: float = 30.0,
        credentials: str = "look at the credentials",
    ) -> None:
        """`credentials` is the remedy where the server does not know who sends."""
        self._pack = pack
        self._url = url
        encoding = {} if compression == "none" else {"Content-Encoding": compression}
        self._client = httpx.Client(
            headers={"User-Agent": "otel-trackio", **headers, **encoding}
            | {"Content-Type": PROTOBUF},
            verify=context or url.startswith("https:"),
            timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
            # A proxy that variables name is for what is elsewhere.
            trust_env=not is_here(url),
        )
        self._shown = str(httpx.URL(url))
        self._timeout = timeout
        self._credentials = credentials
        logging.getLogger("httpx").addFilter(self._is_of_others)

    def send(self, body: bytes) -> bytes:
        """See `Peer`."""
        try:
            with self._client.stream("POST", self._url, content=self._pack(body)) as response:
                return self._answer(response, _bounded(response, self._timeout))
        except httpx.LocalProtocolError:  # It quotes the header that is wrong, which may be secret.
            raise Retryable(f"a header cannot be sent; {self._credentials}") from None
        except httpx.HTTPError as error:
            raise Retryable(f"{type(error).__name__}: {error}{_remedy(error)}") from error

    def close(self) -> None:
        logging.getLogger("httpx").removeFilter(self._is_of_others)
        self._client.close()

    def _is_of_others(self, record: logging.LogRecord) -> bool:
        """False for what httpx tells of each request of ours: one a second, in a program's log."""
        told = record.args
        return not (isinstance(told, tuple) and len(told) > 1 and str(told[1]) == self._shown)

    def _answer(self, response: httpx.Response, body: bytes) -> bytes:
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if response.is_success:
            return _success(kind, body)
        status = response.status_code
        message = f"{status} {response.reason_phrase}: {_reason(kind, body)}"
        if status == TOO_LARGE:
            raise TooLarge(message)
        if status in RETRYABLE:
            raise Retryable(message, retry_after(response.headers.get("Retry-After")))
        if status in UNKNOWN:
            raise Unwelcome(f"{message}; {self._credentials}")
        if status in ELSEWHERE:
            raise Unwelcome(f"{message}; look at the endpoint: {self._shown} takes no OTLP")
        raise Refused(message)


def _remedy(error: httpx.HTTPError) -> str:
    """What helps where the server seems to speak another protocol."""
    if "WRONG_VERSION_NUMBER" in str(error):
        return "; no TLS is spoken there: try http://"
    if isinstance(error, httpx.RemoteProtocolError):
        return "; does OTLP over HTTP come there? gRPC has a port of its own"
    return ""


def peer_of(url: str, headers: Headers, environ: Mapping[str, str]) -> HttpPeer:
    """The server at `url` as a program's settings and `environ` have it. Raises ConfigError."""
    context = _trust(environ) if url.startswith("https:") else None
    remedy = "look at the credentials in OTEL_TRACKIO_OTLP_HEADERS"
    try:
        return HttpPeer(url, dict(headers.pairs), context, credentials=remedy)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        named = "HTTP_PROXY, HTTPS_PROXY and ALL_PROXY"
        told = f"cannot send to {url}: {type(error).__name__}"
        raise ConfigError(told, f"look at {named}, or set NO_PROXY=*") from error


def _trust(environ: Mapping[str, str]) -> ssl.SSLContext:
    """TLS with the files, in PEM, that OpenTelemetry's own variables name."""
    ca, certificate, key = (
        environ.get(f"OTEL_EXPORTER_OTLP_METRICS_{name}")
        or environ.get(f"OTEL_EXPORTER_OTLP_{name}")
        for name in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
    )
    try:
        context = ssl.create_default_context(cafile=ca) if ca else httpx.create_ssl_context()
        if certificate:
            context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        named = "OTEL_EXPORTER_OTLP_CERTIFICATE, _CLIENT_CERTIFICATE and _CLIENT_KEY"
        raise ConfigError(f"TLS: {error}", f"{named} are files in PEM") from error
    return context


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

"""A server that takes Prometheus remote write, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from otel_trackio.errors import ConfigError
from otel_trackio.otlphttp import retry_after
from otel_trackio.peer import Retryable
from otel_trackio_collector.clienttls import ClientTls

HEADERS: Final = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "User-Agent": "otel-trackio",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}

MOST_ANSWER: Final = 1_000
"""How much of an answer's text is looked at, in bytes."""

REFUSALS: Final = frozenset({400, 409, 413, 422})
"""Statuses that are about the samples sent. Others are about the server, and may pass."""

_LATE: Final = ("out of order", "out-of-order", "out of bounds", "too old", "too far in the past")
_TAKEN: Final = ("duplicate sample", "duplicate timestamp", "new-value-for-timestamp")
_UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

_WINDOW: Final = (
    "to keep what comes late, set storage.tsdb.out_of_order_time_window in prometheus.yml, "
    "to 30m or more"
)
_RECEIVER: Final = (
    "Prometheus takes remote write at /api/v1/write, and only when started with "
    "--web.enable-remote-write-receiver; Mimir takes it at /api/v1/push"
)
_REMEDIES: Final = {
    401: "look at the credentials: headers, or auth",
    403: "look at the credentials: headers, or auth",
    404: _RECEIVER,
    405: _RECEIVER,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why samples were not taken: `late` (there are newer ones), `taken` (there is another value).

    `partly` is when what was good was kept, and the answer does not say how much that was.
    """

    message: str
    late: bool = False
    taken: bool = False
    partly: bool = False


class Unanswered(Retryable):
    """No answer came: what was sent may have been stored."""


class WritePeer:
    """Redirects are not followed: headers are secret."""

    def __init__(
        self,
        endpoint: str,
        headers: Mapping[str, str] | None = None,
        tls: ClientTls | None = None,
        timeout: float = 30.0,
    ) -> None:
        """Raises ConfigError for what is no URL, and for TLS files that cannot be used."""
        self._url = url = _url_of(endpoint)
        self._client = httpx.Client(
            headers={**(headers or {}), **HEADERS},
            verify=(tls or ClientTls()).context() if url.scheme == "https" else True,
            timeout=timeout,
        )

    def send(self, body: bytes) -> Refusal | None:
        """None where it was taken. Raises Retryable, which is Unanswered if nobody knows."""
        try:
            with self._client.stream("POST", self._url, content=body) as response:
                text = next(response.iter_bytes(MOST_ANSWER), b"")
        except _UNSENT as error:
            raise Retryable(f"{type(error).__name__}: {error}") from error
        except httpx.HTTPError as error:
            raise Unanswered(f"{type(error).__name__}: {error}") from error
        if response.is_success:
            return None
        said = " ".join(text.decode("utf-8", "replace").split())
        message = f"{response.status_code} {response.reason_phrase}: {said}"
        if response.status_code in REFUSALS:
            return refusal(message)
        if remedy := _REMEDIES.get(response.status_code):
            message = f"{message}; {remedy}"
        raise Retryable(message, retry_after(response.headers.get("Retry-After")))

    def close(self) -> None:
        self._client.close()


def _url_of(endpoint: str) -> httpx.URL:
    if "@" in endpoint:
        hint = "give them by headers, or by auth"
        raise ConfigError("the endpoint of prometheusremotewrite holds credentials", hint)
    try:
        url = httpx.URL(endpoint)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError(f"endpoint {endpoint!r} is no URL", "http://HOST:9090/api/v1/write")
    return url


def refusal(message: str) -> Refusal:
    """What the words of an answer say."""
    words = message.lower()
    late = any(each in words for each in _LATE)
    taken = any(each in words for each in _TAKEN)
    # Mimir keeps what is good of a request; Prometheus keeps all of it or nothing.
    return Refusal(f"{message}; {_WINDOW}" if late else message, late, taken, "err-mimir" in words)

"""Where OTLP goes: a URL, and the headers of each request, which may be secret. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

PATH: Final = "/v1/metrics"

GRPC_PORT: Final = 4317
"""Where OTLP over gRPC is taken, which is another protocol."""

CURSOR: Final = "otlp:"
"""How the name of a cursor begins that says how far a run file was sent; the URL follows."""

_URL: Final = "a URL such as http://localhost:4318"
_HEADERS: Final = "headers as name=value between commas, where a comma in a value is %2C"
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[\x20-\x7e\t]*")


@dataclass(frozen=True, slots=True)
class Headers:
    """Header lines. What they hold is shown nowhere: their names alone are."""

    pairs: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return ", ".join(f"{name}=[redacted]" for name, _ in self.pairs)


def cursor_of(url: str) -> str:
    """The name of the cursor of what was sent there."""
    return CURSOR + url


def url_of(endpoint: str) -> str:
    """The URL for metrics under the endpoint of a server."""
    return endpoint if endpoint.endswith(PATH) else endpoint.rstrip("/") + PATH


def endpoint(value: object) -> str:
    """The URL for metrics that is meant; empty for empty text. Raises ValueError."""
    text = str(value).strip()
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")  # Names that no host can have.
    except ValueError:
        raise ValueError(_URL) from None
    if parts.scheme not in ("http", "https") or not host or not text.isprintable() or " " in text:
        raise ValueError(_URL)
    if port == GRPC_PORT:
        raise ValueError(f"the port of OTLP over HTTP, mostly 4318: {GRPC_PORT} is that of gRPC")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(f"{_URL}, with its credentials in OTEL_TRACKIO_OTLP_HEADERS")
    return url_of(text.rstrip("/"))


def is_here(url: str) -> bool:
    """Whether it is on this machine, by its name."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def shown(text: str) -> str:
    """A URL without the credentials that it may hold."""
    return re.sub(r"//[^/@]*@", "//[redacted]@", text)


def headers(value: object) -> Headers:
    """Headers as OpenTelemetry's variables spell them, or of a mapping. Raises ValueError."""
    if isinstance(value, Headers):
        return value
    if isinstance(value, Mapping):
        pairs = [(str(name), str(text).strip()) for name, text in value.items()]
    else:
        parts = [part.partition("=") for part in str(value).split(",") if part.strip()]
        pairs = [
            (name.strip(), unquote(text).strip() if equals else "\0")
            for name, equals, text in parts
        ]
    if not all(_NAME.fullmatch(name) and _VALUE.fullmatch(text) for name, text in pairs):
        raise ValueError(_HEADERS)
    return Headers(tuple(pairs))

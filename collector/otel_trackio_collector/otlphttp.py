"""OTLP over HTTP, with the compressions and the TLS of this collector's configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import cramjam

from otel_trackio import otlphttp
from otel_trackio_collector.clienttls import ClientTls
from otel_trackio_collector.forwarding import CREDENTIALS

PACK: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    **otlphttp.PACK,
    "zstd": lambda body: bytes(cramjam.zstd.compress(body, 1)),
}
"""Content encodings by the name they have in the configuration."""


class HttpPeer(otlphttp.HttpPeer):
    """A server at `url`, which is the whole one."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        tls: ClientTls | None = None,
        compression: str = "gzip",
        timeout: float = 30.0,
    ) -> None:
        """Raises ConfigError for TLS files that cannot be used."""
        context = (tls or ClientTls()).context() if url.startswith("https:") else None
        pack = PACK[compression]
        super().__init__(url, headers or {}, context, compression, pack, timeout, CREDENTIALS)

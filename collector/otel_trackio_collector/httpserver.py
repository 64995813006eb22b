"""An HTTP server for an ASGI app, by a thread of its own."""

from __future__ import annotations

import socket
import threading
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from otel_trackio.errors import ConfigError
from otel_trackio_collector.grpcreceiver import DRAIN_SECONDS
from otel_trackio_collector.servertls import ServerTls

ENDPOINT: Final = "localhost:4318"

MAX_CONNECTIONS: Final = 1_000
"""Connections served at once; beyond it they are answered 503."""

BACKLOG: Final = 2048


class HttpServer:
    """Serves `endpoint`, HOST:PORT, from `start` until `stop`."""

    def __init__(
        self, app: ASGIApp, endpoint: str = ENDPOINT, tls: ServerTls | None = None
    ) -> None:
        self.endpoint = endpoint
        self.port = 0
        """The port that is served, once started: the system picks one where 0 is asked for."""
        self._config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            ws="none",
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=int(DRAIN_SECONDS),
        )
        self._tls = None if tls is None else tls.context()
        self._server = uvicorn.Server(self._config)
        self._thread = threading.Thread(target=self._run, name="otlp-http", daemon=True)
        self._socket: socket.socket | None = None

    def start(self) -> None:
        """Returns once requests are taken. Raises ConfigError where the port cannot be had."""
        self._socket = _listening(self.endpoint)
        self.port = self._socket.getsockname()[1]
        self._config.load()
        self._config.ssl = self._tls
        self._thread.start()

    def stop(self, grace: float = DRAIN_SECONDS) -> None:
        """Takes no more requests; those under way have `grace` seconds to end."""
        self._config.timeout_graceful_shutdown = max(1, int(grace))
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        self._server.run([self._socket] if self._socket else None)


def _listening(endpoint: str) -> socket.socket:
    host, _, port = endpoint.rpartition(":")
    host = host.strip("[]")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, int(port)), family=family, backlog=BACKLOG)
    except (OSError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"cannot serve HTTP at {endpoint}: {error}", "an endpoint is HOST:PORT, of a free port"
        ) from error
    # asyncio asks for it by a protocol number that this socket lacks; answers would wait 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening

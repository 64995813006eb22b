"""An HTTP server for an ASGI app, by a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Final

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from otel_trackio.errors import ConfigError
from otel_trackio_collector.grpcreceiver import DRAIN_SECONDS
from otel_trackio_collector.servertls import ServerTls

MAX_CONNECTIONS: Final = 1_000
"""Connections served at once; beyond it they are told to come again later, and closed."""

SILENT_SECONDS: Final = 30.0
"""How long a connection may stay without a request: else silent ones would fill the places."""

BACKLOG: Final = 2048


class HttpServer:
    """Serves `endpoint`, HOST:PORT, from `start` until `stop`."""

    def __init__(
        self,
        app: ASGIApp,
        endpoint: str,
        tls: ServerTls | None = None,
        max_connections: int = MAX_CONNECTIONS,
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        self.endpoint = endpoint
        self.port = 0
        """The port that is served, once started: the system picks one where 0 is asked for."""
        self._app = app
        self._max_connections = max_connections
        self._config = uvicorn.Config(
            self._served,
            http=_patient(silent_seconds),
            interface="asgi3",
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            ws="none",
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

    async def _served(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if len(self._server.server_state.connections) > self._max_connections:
            app = Response("too many connections", 503, {"retry-after": "1", "connection": "close"})
        await app(scope, receive, send)

    def _run(self) -> None:
        self._server.run([self._socket] if self._socket else None)


def _patient(silent_seconds: float) -> type[H11Protocol]:
    """The protocol that lets a connection go which brings no request, or no whole head of one."""

    class Patient(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._last: object = self
            self._look()

        def connection_lost(self, exc: Exception | None) -> None:
            self._timer.cancel()
            super().connection_lost(exc)

        def _look(self) -> None:
            idle = self.cycle is None or self.cycle.response_complete
            if idle and self.cycle is self._last:
                self.transport.close()
                return
            self._last = self.cycle
            self._timer = self.loop.call_later(silent_seconds, self._look)

    return Patient


def _listening(endpoint: str) -> socket.socket:
    host, _, port = endpoint.rpartition(":")
    host = host.strip("[]")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        both = host == "::" and socket.has_dualstack_ipv6()  # As gRPC does it.
        listening = socket.create_server(
            (host, int(port)), family=family, backlog=BACKLOG, dualstack_ipv6=both
        )
    except (OSError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"cannot serve HTTP at {endpoint}: {error}", "an endpoint is HOST:PORT, of a free port"
        ) from error
    # asyncio asks for it by a protocol number that this socket lacks; answers would wait 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening

"""A server on a port of this machine: in the main thread until Ctrl-C, or on one of its own."""

from __future__ import annotations

import errno
import os
import socket
import threading
from typing import Final

import uvicorn
from fastapi import FastAPI

from otel_trackio.errors import ConfigError
from otel_trackio_space.changes import Changes

PORT: Final = 7860
"""Where the dashboard is, unless something else is there; that of a Space, too."""

MORE_PORTS: Final = 100
"""How many ports after that one are tried."""

BACKLOG: Final = 2_048
"""Connections that may wait to be taken."""

GRACE_SECONDS: Final = 1
"""What answers that are under way get to end, once the server is to stop."""

CLOSE_SECONDS: Final = 3.0
"""How long `close` waits for the server to stop."""


class Server(uvicorn.Server):
    """Listens as soon as it is made. Open pages do not keep it from stopping."""

    def __init__(self, app: FastAPI, host: str, port: int | None) -> None:
        """Without a port it takes PORT or the next that is free, with 0 any.

        Raises ConfigError where it cannot listen.
        """
        self._app = app
        self._socket = _listening(host, port)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            host=host,
            port=self.port,
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=GRACE_SECONDS,
            ws="none",
        )
        super().__init__(config)
        self._begun = threading.Event()
        self._thread = threading.Thread(
            target=self.serve_here, name="otel-trackio dashboard", daemon=True
        )

    def serve_here(self) -> None:
        """Serves until a signal comes, or `close` is called."""
        try:
            self.run(sockets=[self._socket])
        finally:
            self._begun.set()

    @property
    def serving(self) -> bool:
        """Whether it serves on its thread, and was not told to stop."""
        return self._thread.is_alive() and not self.should_exit

    def leave(self) -> None:
        """Lets go of the port in a forked child, which does not serve, and may outlive us."""
        self._socket.close()

    def start(self) -> None:
        """Serves on a thread of its own, once that has begun.

        It is waited for, as a fork meanwhile would leave the child with half-imported modules.
        """
        self._thread.start()
        self._begun.wait()

    def close(self) -> None:
        """Stops it; a few seconds at most."""
        self.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(CLOSE_SECONDS)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._begun.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        changes: Changes = self._app.state.changes
        changes.close()
        await super().shutdown(sockets)


def _listening(host: str, port: int | None) -> socket.socket:
    tries = range(PORT, PORT + MORE_PORTS) if port is None else [port]
    for number in tries:
        try:
            return _bound(host, number)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                why = (error.strerror or str(error)).lower()
                raise ConfigError(f"cannot listen on {host}:{number}: {why}", _remedy()) from error
    raise ConfigError(f"{host}:{tries[-1]} is taken", _remedy())


def _bound(host: str, port: int) -> socket.socket:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    # Named as TCP, or else asyncio leaves Nagle's algorithm on, and each answer takes 40 ms more.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if host == "::":
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # It stands for all.
        found.bind((host, port))
        found.listen(BACKLOG)
    except OSError:
        found.close()
        raise
    return found


def _remedy() -> str:
    return "give another --host or --port, or leave them out"

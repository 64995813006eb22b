"""OTLP over gRPC: metrics are taken, traces and logs are told that they are not."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final

import grpc
import grpc.aio

from otel_trackio.errors import ConfigError
from otel_trackio_collector.otlpstatus import (
    MALFORMED,
    METRICS_ONLY,
    NOT_TAKEN,
    TOO_SLOW,
    Declined,
    taken,
)
from otel_trackio_collector.reception import Reception
from otel_trackio_collector.servertls import ServerTls

METRICS: Final = "opentelemetry.proto.collector.metrics.v1.MetricsService"
OTHERS: Final = (
    "opentelemetry.proto.collector.trace.v1.TraceService",
    "opentelemetry.proto.collector.logs.v1.LogsService",
    "opentelemetry.proto.collector.profiles.v1development.ProfilesService",
)

MOST_PORT: Final = 65_535

DRAIN_SECONDS: Final = 5.0
"""How long requests under way have to end once the receiver stops, unless told otherwise."""

Context = grpc.aio.ServicerContext[Any, Any]


class GrpcReceiver:
    """Serves `endpoint`, HOST:PORT, from `start` until `stop`, by a thread of its own."""

    def __init__(self, reception: Reception, endpoint: str, tls: ServerTls | None = None) -> None:
        self.endpoint = endpoint
        self.port = 0
        """The port that is served, once started: the system picks one where 0 is asked for."""
        self._reception = reception
        self._credentials = None if tls is None else tls.credentials()
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._grace = DRAIN_SECONDS
        self._bound = Future[int]()
        self._thread = threading.Thread(target=self._run, name="otlp-grpc", daemon=True)

    def start(self) -> None:
        """Returns once requests are taken. Raises ConfigError where the port cannot be had."""
        try:
            _try(self.endpoint)  # gRPC's own error does not say what is wrong.
        except (OSError, ValueError) as error:
            self._loop.close()
            raise self._fault(error) from error
        self._thread.start()
        try:
            self.port = self._bound.result()
        except (RuntimeError, OSError) as error:
            raise self._fault(error) from error

    def stop(self, grace: float = DRAIN_SECONDS) -> None:
        """Takes no more requests; those under way have `grace` seconds to end."""
        self._grace = grace
        if self._thread.is_alive():
            with suppress(RuntimeError):  # It has ended by itself.
                self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join()

    def _fault(self, error: Exception) -> ConfigError:
        why = error.strerror if isinstance(error, OSError) else error
        told = f"cannot serve OTLP over gRPC at {self.endpoint}: {why}"
        return ConfigError(told, "an endpoint is HOST:PORT, of a free port")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        limits = self._reception.admission.limits
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", limits.max_request_bytes),
                # Else a second collector would share the port, and take every other request.
                ("grpc.so_reuseport", 0),
            ],
        )
        server.add_generic_rpc_handlers(self._handlers())
        try:
            if self._credentials is None:
                port = server.add_insecure_port(self.endpoint)
            else:
                port = server.add_secure_port(self.endpoint, self._credentials)
            await server.start()
        except (RuntimeError, OSError) as error:
            self._bound.set_exception(error)
            return
        self._bound.set_result(port)
        await self._ending.wait()
        await server.stop(self._grace)

    def _handlers(self) -> list[grpc.GenericRpcHandler]:
        # As a stream of one message: so its sender is looked at before the message is read.
        take: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_unary_rpc_method_handler(
            self._export
        )
        decline: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_unary_rpc_method_handler(
            self._decline
        )
        return [
            grpc.method_handlers_generic_handler(METRICS, {"Export": take}),
            *(grpc.method_handlers_generic_handler(each, {"Export": decline}) for each in OTHERS),
        ]

    async def _export(self, requests: AsyncIterator[bytes], context: Context) -> bytes:
        try:
            with self._reception.begin(_authorization(context)) as share:
                body = await self._message(context)
                share.hold(len(body))
                checked = await self._reception.take(body, "grpc")
        except Declined as declined:
            self._reception.answered("grpc", declined)
            return await _abort(context, declined)
        self._reception.answered("grpc")
        return taken(checked.rejected, checked.message).SerializeToString()

    async def _message(self, context: Context) -> bytes:
        seconds = self._reception.admission.limits.read_seconds
        try:
            message = await asyncio.wait_for(context.read(), seconds)
        except TimeoutError:
            raise Declined(TOO_SLOW, f"the request took more than {seconds:g} s") from None
        if not isinstance(message, bytes):
            raise Declined(MALFORMED, "the call brought no request")
        return message

    async def _decline(self, requests: AsyncIterator[bytes], context: Context) -> bytes:
        return await _abort(context, Declined(NOT_TAKEN, METRICS_ONLY))


def _try(endpoint: str) -> None:
    """Raises OSError, or ValueError, where nobody could listen there."""
    host, _, port = endpoint.rpartition(":")
    if not port.isdecimal() or int(port) > MOST_PORT:
        raise ValueError("it names no port")
    found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()


async def _abort(context: Context, declined: Declined) -> bytes:
    await context.abort(declined.answer.code, declined.message, declined.trailers())
    raise AssertionError("abort raises")


def _authorization(context: Context) -> str | None:
    for key, value in context.invocation_metadata() or ():
        if key == "authorization" and isinstance(value, str):
            return value
    return None

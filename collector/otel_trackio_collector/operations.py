"""What operators ask a collector: is it alive, is it ready, how do its exporters stand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from otel_trackio_collector.telemetry import CONTENT_TYPE, Telemetry

Faults = Callable[[], list[str]]
"""What is wrong, a sentence each; nothing where all is well."""


T = TypeVar("T")


def operations_app(
    alive: Faults,
    ready: Faults,
    status: Callable[[], Mapping[str, Any]],
    telemetry: Telemetry,
    thread: Executor,
) -> Starlette:
    """`/healthz` and `/readyz` (503 where not), `/status` as JSON, and `/metrics`.

    All is found out on `thread`, the same one each time: it has a connection to the log.
    """

    async def found_out(what: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(thread, what)

    async def answer(faults: Faults) -> Response:
        found = await found_out(faults)
        return JSONResponse({"faults": found}, 503 if found else 200)

    async def healthz(request: Request) -> Response:
        return await answer(alive)

    async def readyz(request: Request) -> Response:
        return await answer(ready)

    async def told(request: Request) -> Response:
        return JSONResponse(await found_out(status))

    async def metrics(request: Request) -> Response:
        return Response(await found_out(telemetry.render), media_type=CONTENT_TYPE)

    return Starlette(
        routes=[
            Route("/", healthz),  # Where the official Collector's health_check answers.
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/status", told),
            Route("/metrics", metrics),
        ]
    )

"""A peer that takes whatever collectors send, and counts it.

As a program: `python -m tests.bench.sink` prints its ports for gRPC and HTTP, and serves until its
input ends. It takes remote write, too, unseen.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from otel_trackio_collector.grpcreceiver import GrpcReceiver
from otel_trackio_collector.httpreceiver import metrics_app
from otel_trackio_collector.httpserver import HttpServer
from otel_trackio_collector.reception import Reception
from tests.bench.load import HOST

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Sink:
    """Where it listens."""

    grpc: int
    http: int

    def came(self) -> dict[str, int]:
        """Points so far, over `grpc` and over `http`."""
        found: dict[str, int] = httpx.get(f"http://{HOST}:{self.http}/came").json()
        return found


@contextmanager
def sink() -> Iterator[Sink]:
    """A process until the block ends."""
    command = (sys.executable, "-m", "tests.bench.sink")
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Sink(*(int(port) for port in process.stdout.readline().split()))
        process.stdin.close()


class Count:
    """Stands where a receiver has its request log."""

    def __init__(self) -> None:
        self.points = 0

    def append(self, body: bytes, points: int) -> Future[int]:
        self.points += points
        done: Future[int] = Future()
        done.set_result(0)
        return done


def _serve() -> None:
    counts = {"grpc": Count(), "http": Count()}
    by = {name: Reception(count) for name, count in counts.items()}  # type: ignore[arg-type]

    async def came(request: Request) -> Response:
        return JSONResponse({name: count.points for name, count in counts.items()})

    async def written(request: Request) -> Response:
        await request.body()
        return Response(status_code=204)

    app = Starlette(
        routes=[
            Route("/came", came),
            Route("/api/v1/write", written, methods=["POST"]),
            Mount("/", metrics_app(by["http"])),
        ]
    )
    servers = GrpcReceiver(by["grpc"], f"{HOST}:0"), HttpServer(app, f"{HOST}:0")
    for each in servers:
        each.start()
    print(*(each.port for each in servers), flush=True)
    sys.stdin.read()
    for each in servers:
        each.stop(0)


if __name__ == "__main__":
    _serve()

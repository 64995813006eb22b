"""The dashboard as one ASGI app: the API, the files of its page, and the page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from fastapi import Depends, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Match, Route

from otel_trackio.diagnostics import logger
from otel_trackio.errors import OtelTrackioError
from otel_trackio.facts import SYNCED_SECONDS
from otel_trackio_space import actions, exhibits
from otel_trackio_space.access import Access
from otel_trackio_space.actions import looked
from otel_trackio_space.changes import Changes
from otel_trackio_space.edits import Here, There
from otel_trackio_space.failures import answer_failures, failure
from otel_trackio_space.figures import Figures
from otel_trackio_space.follow import Follow
from otel_trackio_space.guard import Guard
from otel_trackio_space.page import TITLE, UNMEASURED, Files
from otel_trackio_space.policy import Policed
from otel_trackio_space.readers import Readers
from otel_trackio_space.routes import router
from otel_trackio_space.shelf import Shelf
from otel_trackio_space.shell import Shell
from otel_trackio_space.watch import Watch

SHARED_SECONDS: Final = 30.0
"""How long machines that share a folder may take to bring to it what they record."""

METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

PATIENCE: Final = 20.0
"""Seconds after which Gradio is imported even if somebody asks all the time."""


def build(shelf: Shelf, access: Access | None = None, follow: Follow | None = None) -> FastAPI:
    access = access or Access()
    app = FastAPI(
        title=TITLE,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=_living,
        **UNMEASURED,
    )
    app.state.shelf = shelf
    app.state.access = access
    app.state.follow = follow
    app.state.editor = Here() if follow is None else There(follow.remote, follow.dir)
    app.state.changes = Changes(shelf)
    app.state.readers = Readers()
    app.state.figures = Figures(shelf)
    app.state.shell = Shell()
    app.state.watch = Watch(shelf, _grace(shelf, follow), shelf.touch)
    answer_failures(app)
    app.include_router(exhibits.router, dependencies=[Depends(looked)])
    app.include_router(router, dependencies=[Depends(looked)])
    app.include_router(actions.router, dependencies=[Depends(looked)])
    app.include_router(actions.writing)
    app.add_api_route("/api/{path:path}", _nothing, methods=METHODS, include_in_schema=False)
    app.mount("/ui", Files())
    app.add_middleware(Policed)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=1)
    app.add_middleware(Guard, access=access)  # The last one added is the first to be asked.

    @app.get("/healthz")
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok")

    app.mount("/", app.state.shell)
    return app


async def _nothing(request: Request) -> Response:
    """The answer to what the API has not: 405 where it has other methods of that path."""
    asked, known = f"no {request.method} {request.url.path}", [*router.routes]
    known += [*exhibits.router.routes, *actions.router.routes, *actions.writing.routes]
    found = [each for each in known if each.matches(request.scope)[0] is Match.PARTIAL]
    methods = {method for each in found if isinstance(each, Route) for method in each.methods or ()}
    if not methods:
        return failure(404, asked, "see /api/openapi.json")
    allowed = ", ".join(sorted(methods))
    answer = failure(405, asked, f"it takes {allowed}")
    answer.headers["allow"] = allowed
    return answer


async def _settle(app: FastAPI) -> None:
    """Reads all runs before anybody asks for them, and lets the first page have what it wants."""
    shelf: Shelf = app.state.shelf
    try:
        await app.state.readers.run(shelf.look)
    except (OtelTrackioError, OSError) as error:
        logger.warning("%s", error)
    await app.state.readers.calm(PATIENCE)


@asynccontextmanager
async def _living(app: FastAPI) -> AsyncIterator[None]:
    """Starts what goes on beside requests, and ends it."""
    follow: Follow | None = app.state.follow
    if follow is not None:
        follow.is_watched = lambda: app.state.changes.listening > 0
        follow.start()
    if not app.state.access.readonly:
        app.state.watch.start()
    async with app.state.shell.living(partial(_settle, app)):
        yield
    closing = [each.close for each in (app.state.shelf, app.state.watch, follow) if each]
    await asyncio.gather(*map(run_in_threadpool, closing))


def _grace(shelf: Shelf, follow: Follow | None) -> float:
    """Seconds that data may take from a run to here, which is no silence of the run."""
    if follow is not None:
        return SYNCED_SECONDS
    return SHARED_SECONDS if shelf.api.exchange is not None else 0.0

"""Gradio around the dashboard: what a Space is expected to be, with its login and its API.

Importing it takes seconds. Until it is there, and if it cannot be had, `/` is our own page, which
shows the same.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar, cast

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from otel_trackio.diagnostics import logger
from otel_trackio_space.failures import failure
from otel_trackio_space.page import TITLE, UNMEASURED, head, page

T = TypeVar("T")

ENVIRONMENT: Final = {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_CHECK_VERSION": "False"}
"""Keeps Gradio from asking its makers' servers anything."""


class Shell:
    """ASGI app for all that nothing else answers."""

    def __init__(self) -> None:
        self._gradio: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._gradio is not None:
            loading = scope["type"] == "http" and scope["path"] == "/"
            if loading:
                # Gradio takes `page` in it for a page of its own, and the answer would be a 500.
                scope = {**scope, "query_string": b""}
            await self._gradio(scope, receive, _loading(send) if loading else send)
            return
        answer: Response = HTMLResponse(page())
        if scope["path"] == "/" and scope["method"] not in ("GET", "HEAD"):
            answer = failure(405, f"no {scope['method']} /", "the dashboard is at /")
        elif scope["path"] != "/":
            answer = failure(404, f"no {scope['path']}", "the dashboard is at /")
        await answer(scope, receive, send)

    @asynccontextmanager
    async def living(self, first: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
        """Brings Gradio up beside what goes on inside the block, and takes it down after it.

        What matters more is done `first`, as importing Gradio slows down everything.
        """
        ended = asyncio.Event()
        growing = asyncio.create_task(self._grow(ended, first))
        try:
            yield
        finally:
            ended.set()
            if self._gradio is None:
                growing.cancel()  # Its import goes on, and nobody waits for it.
            self._gradio = None
            with suppress(asyncio.CancelledError):
                await growing

    async def _grow(self, ended: asyncio.Event, first: Callable[[], Awaitable[object]]) -> None:
        await first()
        try:
            app = await _made(_gradio_app)
            async with app.router.lifespan_context(app):
                self._gradio = app
                await ended.wait()
        except Exception as error:  # noqa: BLE001 (the dashboard works without it)
            logger.warning("the page goes without Gradio: %r", error)


async def _made(make: Callable[[], T]) -> T:
    """What `make` returns, on a thread that does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if made.cancelled():
            return
        if error is None:
            made.set_result(cast(T, result))
        else:
            made.set_exception(error)

    def work() -> None:
        result, failed = None, None
        try:
            result = make()
        except BaseException as error:  # noqa: BLE001 (it is raised where the result is awaited)
            failed = error
        with suppress(RuntimeError):  # The loop may have ended meanwhile.
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=work, name="otel-trackio gradio", daemon=True).start()
    return await made


def _loading(send: Send) -> Send:
    """Adds to Gradio's page what loads ours: its own way to do so waits for all of Gradio."""
    start: Message = {}
    body = b""

    async def sending(message: Message) -> None:
        nonlocal start, body
        if message["type"] == "http.response.start":
            start = message
            return
        body += message.get("body", b"")
        if message.get("more_body"):
            return
        headers = MutableHeaders(raw=start["headers"])
        if headers.get("content-type", "").startswith("text/html"):
            body = body.replace(b"<head>", b"<head>\n" + head().encode(), 1)
            headers["content-length"] = str(len(body))
        await send(start)
        await send({**message, "body": body})

    return sending


def _gradio_app() -> FastAPI:
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import gradio

    # Nothing is in it: Gradio's HTML evaluates text as JavaScript, which our pages may not.
    blocks = gradio.Blocks(title=TITLE, analytics_enabled=False)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, **UNMEASURED)
    options: dict[str, Any] = {"ssr_mode": False, "run_history": False, "footer_links": []}
    options["app_kwargs"] = dict(UNMEASURED)  # It adds to them.
    gradio.mount_gradio_app(app, blocks, path="/", **options)
    return app

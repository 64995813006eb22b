"""What changed, told to whoever listens: nothing is looked at while nobody does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Final

import orjson
from anyio import CapacityLimiter, to_thread
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from otel_trackio.diagnostics import Diagnostics
from otel_trackio_space.failures import Refused
from otel_trackio_space.shelf import Change, Shelf, pause

MAX_STREAMS: Final = 100
"""Pages that may listen at once."""

LOOK_SECONDS: Final = 0.4
"""From one look at the files to the next: the most that it adds to a point's way to a page."""

QUIET_SECONDS: Final = 15.0
"""After so long without news a comment shows that the stream is alive, to proxies as well."""

RETRY_MS: Final = 1_000
"""How long a page waits before it comes again."""


class Changes:
    """For one event loop. Those who listen get every change once, however slow they are."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._listening = 0
        self._watching: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._closed = False
        self._limiter = CapacityLimiter(1)
        self._diagnostics = Diagnostics()

    async def follow(self, project: str | None, since: int | None) -> AsyncIterator[Change | None]:
        """What changed after a version, or from now on; None where it was quiet for long."""
        seen = self._shelf.shown.version if since is None else since
        if seen > self._shelf.shown.version:
            seen = 0  # It is of a server whose clock was ahead of ours.
        while not self._closed:
            news = self._news
            change = self._shelf.shown.since(seen, project)
            seen = max(seen, change.version)
            if change:
                yield change
                continue
            try:
                await asyncio.wait_for(news.wait(), QUIET_SECONDS)
            except TimeoutError:
                yield None

    @property
    def listening(self) -> int:
        """How many streams are open."""
        return self._listening

    def close(self) -> None:
        """Ends all streams, so that a server with open pages can stop."""
        self._closed = True
        self._wake()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Somebody listens inside the block. Raises Refused where too many do."""
        if self._listening >= MAX_STREAMS:
            raise Refused(503, f"{MAX_STREAMS} pages are open already", "close some of them")
        self._listening += 1
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            self._listening -= 1

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _watch(self) -> None:
        told = self._shelf.shown.version
        try:
            while self._listening and not self._closed:
                began = time.monotonic()
                try:
                    await to_thread.run_sync(
                        self._shelf.look, limiter=self._limiter, abandon_on_cancel=True
                    )
                except Exception as error:  # noqa: BLE001 (pages go on listening)
                    self._diagnostics.error("look", str(error) or repr(error))
                if self._shelf.shown.version != told:
                    told = self._shelf.shown.version
                    self._wake()
                took = time.monotonic() - began
                await asyncio.sleep(pause(LOOK_SECONDS, took))
        finally:
            self._watching = None


class Stream(StreamingResponse):
    """Changes as server-sent events. Their ids are versions: who comes again goes on there."""

    def __init__(self, changes: Changes, project: str | None, since: int | None) -> None:
        self._changes = changes
        super().__init__(
            _events(changes, project, since),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._changes.place():
            await super().__call__(scope, receive, send)


async def _events(changes: Changes, project: str | None, since: int | None) -> AsyncIterator[bytes]:
    yield b"retry: %d\n\n" % RETRY_MS
    async for change in changes.follow(project, since):
        yield b": quiet\n\n" if change is None else _event(change)


def _event(change: Change) -> bytes:
    data: dict[str, Any] = {"version": change.version, "runs": change.runs}
    body = orjson.dumps({**data, "structure": change.structure})
    return b"id: %d\nevent: change\ndata: %s\n\n" % (change.version, body)

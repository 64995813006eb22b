"""Webhooks: telling other programs what a rule found. Nobody waits for them."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from otel_trackio.errors import ConfigError
from otel_trackio.threads import started
from otel_trackio_space.access import is_loopback
from otel_trackio_space.rules import Told

ANSWER_SECONDS: Final = 10.0
"""How long a try may take, all of it."""

WAITS: Final = (1.0, 10.0)
"""Seconds between a try and the next."""

MOST_A_MINUTE: Final = 20
"""Messages that are sent; further ones are counted as held back."""

MOST_WAITING: Final = 100
"""Messages that are under way at once."""

CLOSE_SECONDS: Final = 1.0
"""How long the end waits for those under way."""

MASK: Final = "/..."
"""Stands for all of an address that may be secret."""

PLAIN_VARIABLE: Final = "OTEL_TRACKIO_WEBHOOK_HTTP"
"""Set to 1, it allows http:// to other machines."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the messages of a rule went. `error` is why the last one failed, if it did.

    `last` is when the last one was sent, or failed for good, in ms.
    """

    sent: int = 0
    failed: int = 0
    held: int = 0
    error: str = ""
    last: float | None = None


def plain_allowed() -> bool:
    return os.environ.get(PLAIN_VARIABLE) == "1"


def check(url: str, plain: bool = False) -> None:
    """Raises ConfigError for an address that nothing is sent to."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    if parts.path == MASK:
        raise ConfigError("a webhook is masked", "give the whole address again")
    if not host or port == 0 or parts.scheme not in ("http", "https"):
        raise ConfigError("a webhook is no address", "give one that begins with https://")
    if parts.scheme == "http" and not plain and not is_loopback(host):
        hint = f"give an https:// one, or start the server with {PLAIN_VARIABLE}=1"
        raise ConfigError(f"a webhook is sent to {host} in the clear", hint)


def masked(url: str) -> str:
    """The address without what may be secret in it, which is all but the host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK  # Somebody has written it into the file.
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{MASK}"


def message(form: str, told: Told) -> dict[str, Any]:
    """What is sent."""
    if form == "generic":
        return {"source": "otel-trackio", **told.document()}
    text = f"{told.level}: {told.project}/{told.name}: {told.title}"
    return {"text": _inert(f"{text} ({told.text})" if told.text else text)}


def _inert(text: str) -> str:
    """As Slack asks for it; then no name of a run can call a whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Webhooks:
    """Sends messages on a thread of its own, which begins with the first. Any thread may use it."""

    def __init__(self) -> None:
        self._deliveries: dict[str, Delivery] = {}
        self._times: deque[float] = deque(maxlen=MOST_A_MINUTE)
        self._pending: set[Future[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hidden: Callable[[logging.LogRecord], bool] | None = None
        self._lock = threading.Lock()

    def delivery(self, rule: str) -> Delivery:
        with self._lock:
            return self._deliveries.get(rule, Delivery())

    def send(self, rule: str, url: str, content: dict[str, Any]) -> None:
        """Begins to send a message, unless there were too many."""
        with self._lock:
            now = time.monotonic()
            full = len(self._times) == MOST_A_MINUTE and now - self._times[0] < 60
            if full or len(self._pending) >= MOST_WAITING or not self._begun():
                known = self._deliveries.get(rule, Delivery())
                self._deliveries[rule] = replace(known, held=known.held + 1)
                return
            self._times.append(now)
            assert self._loop is not None
            future = asyncio.run_coroutine_threadsafe(self._deliver(rule, url, content), self._loop)
            self._pending.add(future)
        future.add_done_callback(self._forget)

    def close(self) -> None:
        """Waits a little for what is under way, and gives the rest up."""
        with self._lock:
            loop, self._loop = self._loop, None
            pending = list(self._pending)
        if loop is None:
            return
        wait(pending, CLOSE_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        if self._hidden is not None:
            logging.getLogger("httpx").removeFilter(self._hidden)

    def _forget(self, future: Future[None]) -> None:
        with self._lock:
            self._pending.discard(future)

    def _begun(self) -> bool:
        if self._loop is None:
            loop = asyncio.new_event_loop()
            thread = threading.Thread(
                target=_run, args=(loop,), name="otel-trackio webhooks", daemon=True
            )
            if not started(thread):
                loop.close()
                return False
            # At its level INFO the client logs whole addresses, and those are secrets.
            self._hidden = lambda record: record.thread != thread.ident
            logging.getLogger("httpx").addFilter(self._hidden)
            self._loop = loop
        return True

    async def _deliver(self, rule: str, url: str, content: dict[str, Any]) -> None:
        for pause in (*WAITS, None):
            error, again = await _try(url, content)
            if not again or pause is None:
                break
            await asyncio.sleep(pause)
        with self._lock:
            known, now = self._deliveries.get(rule, Delivery()), time.time() * 1e3
            if error:
                known = replace(known, failed=known.failed + 1)
            else:
                known = replace(known, sent=known.sent + 1)
            self._deliveries[rule] = replace(known, error=error, last=now)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(_cancelled(asyncio.all_tasks(loop)))
        loop.close()


async def _cancelled(tasks: Collection[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _try(url: str, content: dict[str, Any]) -> tuple[str, bool]:
    """Why a message did not arrive, if so, and whether trying again may help."""
    try:
        check(url, plain_allowed())  # Rules may be written by hand.
    except ConfigError as error:
        return error.message, False
    host = urlsplit(url).hostname
    try:
        async with (
            asyncio.timeout(ANSWER_SECONDS),
            httpx.AsyncClient(timeout=None) as client,
            client.stream("POST", url, json=content) as answer,
        ):
            status = answer.status_code  # Nothing else is read.
    except TimeoutError:
        return f"{host} did not answer within {ANSWER_SECONDS:.0f} s", True
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return f"{host} cannot be reached: {type(error).__name__}", True
    if 200 <= status < 300:
        return "", False
    return f"{host} answered {status}", status in (408, 429) or status >= 500

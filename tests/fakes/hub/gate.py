"""What every request passes: the log, and the faults."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.fakes.hub.faults import Fault, Faults

CONTROL: Final = "/_"
"""How the paths begin by which tests steer the Hub; they are not logged and never fail."""


@dataclass(slots=True)
class Exchange:
    """What the log keeps of a request: neither headers nor bodies, so no secrets.

    `path` has the query; sizes are bytes of bodies; `status` is none where none was sent.
    """

    method: str
    path: str
    status: int | None = None
    received: int = 0
    sent: int = 0
    fault: str | None = None


class Gate:
    """`rival` makes another's commit in the repository that a path is about."""

    def __init__(self, app: ASGIApp, rival: Callable[[str], None]) -> None:
        self.app = app
        self.rival = rival
        self.faults = Faults()
        self.log: list[Exchange] = []
        self.connections: Iterable[Any] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        # Routes see segments as they were sent, so that `%2F` in a revision doesn't divide it.
        scope = {**scope, "path": scope["raw_path"].decode()}
        if scope["path"].startswith(CONTROL):
            return await self.app(scope, receive, send)
        query = scope["query_string"].decode()
        exchange = Exchange(scope["method"], scope["path"] + ("?" + query if query else ""))
        self.log.append(exchange)
        body = await whole(receive)
        if body is None:
            return
        exchange.received = len(body)
        fault = self.faults.strike(exchange.method, exchange.path, len(body))
        exchange.fault = fault.action if fault else None
        answer = await self.answer(fault, scope, body)
        if not answer:
            return await self.hang_up(scope, receive)
        exchange.status = answer[0]["status"]
        exchange.sent = sum(len(message.get("body", b"")) for message in answer)
        for message in answer:
            await send(message)

    async def answer(self, fault: Fault | None, scope: Scope, body: bytes) -> list[Message]:
        """Nothing where the connection is to be closed without an answer."""
        if fault is None:
            return await play(self.app, scope, body)
        if fault.action == "status":
            return await play(fault.refusal.response(), scope, body)
        if fault.action == "stale_parent":
            self.rival(scope["path"])
        elif fault.action != "drop_after":
            await asyncio.sleep(fault.seconds)
        if fault.action in ("drop_before", "hang"):
            return []
        answer = await play(self.app, scope, body)
        if fault.action != "drop_after":
            return answer
        await asyncio.sleep(fault.seconds)
        return []

    async def hang_up(self, scope: Scope, receive: Receive) -> None:
        for connection in list(self.connections):
            if connection.client == scope["client"]:
                connection.transport.close()
        while (await receive())["type"] != "http.disconnect":
            pass


async def whole(receive: Receive) -> bytes | None:
    """The body of a request; none if the client went away while it was sending."""
    parts = []
    while (message := await receive())["type"] == "http.request":
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
    return None


async def play(app: ASGIApp, scope: Scope, body: bytes) -> list[Message]:
    """What an application answers to a request that has arrived whole."""
    answer: list[Message] = []
    asked = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return asked.pop() if asked else await asyncio.Future()

    async def send(message: Message) -> None:
        answer.append(message)

    await app(scope, receive, send)
    return answer

"""What stands before the whole app: every request is judged, and every answer bears headers."""

from __future__ import annotations

import asyncio
import logging
from html import escape
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from otel_trackio_space.access import TOKEN_VARIABLE, Access, is_own_page
from otel_trackio_space.failures import ENDED, failure
from otel_trackio_space.policy import HEADER, frames_of, policy

logger = logging.getLogger(__name__)

MAX_BODY: Final = 4 * 2**20
"""Bytes that a request may bring: 2,000 ids of the greatest length, twice."""

BODY_SECONDS: Final = 30.0
"""How long a request may take to come."""

OPEN: Final = frozenset({"/healthz"})
"""Paths for everybody: they tell nothing."""

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})

PREFLIGHT: Final = "access-control-request-method"
"""Asks whether another site may do something; none may."""


class Guard:
    """ASGI middleware, the outermost. What it refuses reaches nothing behind it.

    What fails has an answer, too, where none has begun.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._guarded(scope, receive, sending)
        except asyncio.CancelledError:
            if begun or scope["type"] != "http":
                raise
            # The server ends, and has waited for long enough.
            await failure(503, *ENDED)(scope, receive, _bearing(scope, send))
        except Exception:
            if begun or scope["type"] != "http":
                raise
            logger.exception("%s %s failed", scope["method"], scope["path"])
            answer = failure(500, "this went wrong here", "see what the server printed")
            await answer(scope, receive, _bearing(scope, send))

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        token = next((value for name, value in query if name == "token"), None)
        if token is not None and self._access.token:
            query = [each for each in query if each[0] != "token"]
            # The log of accesses is written from this, later.
            scope["query_string"] = urlencode(query).encode()
        sending = _bearing(scope, send)
        answer = self._judged(scope, Headers(scope=scope), token)
        if answer is None and scope["type"] == "http" and scope["method"] not in READING:
            body = await _body(Headers(scope=scope), receive)
            if isinstance(body, Response):
                answer = body
            else:
                receive = _replayed(body, receive)
        if answer is None:
            await self._app(scope, receive, sending)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await answer(scope, receive, sending)

    def _judged(self, scope: Scope, headers: Headers, token: str | None) -> Response | None:
        """The answer to what does not get through."""
        if scope["path"] in OPEN:
            return None
        host = headers.get("host", "")
        if not self._access.serves(host):
            hint = f"open http://127.0.0.1:{_port(scope)}/, or set {TOKEN_VARIABLE}"
            return failure(403, f"this server is not called {host!r}", hint)
        if self._access.token and not self._shows_token(scope, headers):
            if token is not None and self._access.is_token(token) and scope["type"] == "http":
                return _exchanged(scope, self._access)
            return _stranger(scope, headers)
        if token is not None and self._access.token and scope.get("method") == "GET":
            return _exchanged(scope, self._access)
        if scope.get("method", "") not in READING or PREFLIGHT in headers:
            return _foreign(scope, headers)
        return None

    def _shows_token(self, scope: Scope, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._access.is_token(given.strip()):
            return True
        cookies = cookie_parser(headers.get("cookie", ""))
        return self._access.is_cookie(cookies.get(_cookie_name(scope), ""))


def _foreign(scope: Scope, headers: Headers) -> Response | None:
    """The answer to what would change something and is not our page's."""
    if not is_own_page(headers):
        return failure(403, "another site asked for this", "do it in the dashboard's own page")
    if scope["type"] == "websocket" or scope["method"] in READING:
        return None
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    bodiless = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    if kind != "application/json" and not (bodiless and scope["method"] == "DELETE"):
        return failure(415, f"cannot read {kind or 'a body of no type'!r}", "send JSON")
    return None


def _exchanged(scope: Scope, access: Access) -> Response:
    """To the same page without the token, which a cookie stands for from now on.

    The place is relative: it cannot lead to another site, and a proxy may have cut the path.
    """
    last = quote(scope["path"].rpartition("/")[2])
    query = scope["query_string"].decode("latin-1")
    answer = Response(status_code=303, headers={"location": f"./{last}{query and '?' + query}"})
    answer.headers["cache-control"] = "no-store"
    answer.set_cookie(
        _cookie_name(scope),
        access.cookie,
        secure=scope["scheme"] == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


def _cookie_name(scope: Scope) -> str:
    """Ports share cookies."""
    return f"otel_trackio_{_port(scope)}"


def _port(scope: Scope) -> int:
    server = scope.get("server") or ("", 0)
    return int(server[1] or 0)


def _stranger(scope: Scope, headers: Headers) -> Response:
    """The answer to who shows no token: to people a page, to programs JSON."""
    error = "this dashboard asks for its token"
    hint = "open the address that it printed when it started, or send Authorization: Bearer TOKEN"
    if "text/html" not in headers.get("accept", "") or scope["path"].startswith("/api/"):
        answer = failure(401, error, hint)
    else:
        # A cookie that is strict stays behind where a link of another site led here: it comes
        # along when our own page asks again.
        again = headers.get("sec-fetch-site") == "cross-site"
        refresh = '<meta http-equiv="refresh" content="0">' if again else ""
        answer = HTMLResponse(_PAGE.format(refresh=refresh, error=escape(error)), 401)
        answer.headers[HEADER] = policy(bytes(answer.body), frames_of(scope))
    answer.headers["www-authenticate"] = "Bearer"
    answer.headers["cache-control"] = "no-store"
    return answer


_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">{refresh}
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>otel-trackio</title></head>
<body style="font-family: system-ui, sans-serif; margin: 3rem auto; max-width: 36rem">
<h1 style="font-size: 1.3rem">{error}</h1>
<p>Open the address that was printed when it started, which ends in <code>?token=...</code>.</p>
<p>You did, and came here by a link? <a href="">Try again</a>.</p>
</body></html>
"""


def _bearing(scope: Scope, send: Send) -> Send:
    """Adds to every answer what guards it."""
    frames = frames_of(scope)

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            borne = MutableHeaders(scope=message)
            for name in {each for each in borne if each.startswith("access-control-")}:
                del borne[name]  # What is mounted here may be more open than we are.
            borne.setdefault(HEADER, policy(b"", frames))
            borne["x-content-type-options"] = "nosniff"
            borne["referrer-policy"] = "no-referrer"
        await send(message)

    return sending


async def _body(headers: Headers, receive: Receive) -> bytes | Response:
    """All that a request brings, or the answer to one that brings too much, or too slowly."""
    large = failure(413, f"more than {MAX_BODY} bytes", "ask for less at once")
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MAX_BODY:
        return large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return failure(400, "the request broke off", "try again")
                body += message.get("body", b"")
                if len(body) > MAX_BODY:
                    return large
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        return failure(408, f"the request did not come within {BODY_SECONDS:.0f} s", "try again")


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting = [body]

    async def receiving() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return receiving

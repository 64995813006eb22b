"""What a page of ours may load and run: its own files, and the inline scripts it was sent with.

Our modules need no more than that. Gradio's page has scripts and styles inline: of scripts only
those in the page as the server sent it run, so that no text that a page makes of data ever does.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from otel_trackio_space.notebook import in_colab

HEADER: Final = "content-security-policy"

FRAMES: Final = (
    "'self' http://localhost:* http://127.0.0.1:* vscode-webview: https://huggingface.co"
)
"""Who may show the whole page in a frame: a notebook on this machine, and the Hub."""

COLAB: Final = " https://colab.research.google.com https://*.googleusercontent.com"
"""And on Colab, where nobody but its user reaches this port."""

ANY_FRAME: Final = "* vscode-webview: data: blob:"
"""The same with `?embed=1`, whose page changes nothing that a click could be stolen for."""

_INLINE: Final = re.compile(rb"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.DOTALL)
_STYLED: Final = re.compile(rb"<style|\sstyle=")


def policy(page: bytes, frames: str = FRAMES) -> str:
    """The policy of a page, or of an answer that is none: that is empty here."""
    scripts = [
        each["code"] for each in _INLINE.finditer(page) if not re.search(rb"\ssrc=", each[0])
    ]
    hashes = dict.fromkeys(map(_hash, scripts))
    inline = " 'unsafe-inline'" if scripts or _STYLED.search(page) else ""
    directives = (
        "default-src 'self'",
        f"script-src 'self'{''.join(f' {each}' for each in hashes)}",
        f"style-src 'self'{inline}",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        f"frame-ancestors {frames}",
    )
    return "; ".join(directives)


def _hash(script: bytes) -> str:
    # The browser hashes what it has parsed, with one kind of line end.
    code = re.sub(rb"\r\n?", b"\n", script)
    return f"'sha256-{base64.b64encode(hashlib.sha256(code).digest()).decode()}'"


class Policed:
    """ASGI middleware that gives each page its policy. It stands where pages are not packed yet."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start: Message = {}
        body = b""

        async def sending(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                kind = MutableHeaders(scope=message).get("content-type", "")
                if kind.startswith("text/html"):
                    start = message
                    return
            elif start:
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                MutableHeaders(scope=start)[HEADER] = policy(body, frames_of(scope))
                await send(start)
                start, message = {}, {**message, "body": body}
            await send(message)

        await self._app(scope, receive, sending)


def frames_of(scope: Scope) -> str:
    """Who may show the answer to a request in a frame."""
    asked = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    embedded = {value for name, value in asked if name == "embed"}
    if embedded == {"1"}:  # Of several the page takes the first.
        return ANY_FRAME
    return FRAMES + COLAB if in_colab() else FRAMES

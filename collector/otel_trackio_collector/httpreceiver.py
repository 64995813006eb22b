"""OTLP over HTTP: an ASGI app, which a server of ours or the Space mounts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from otel_trackio_collector.admission import Share
from otel_trackio_collector.inflate import Garbled, TooLarge, UnknownEncoding, inflate
from otel_trackio_collector.otlpjson import MAX_BYTES as MAX_JSON_BYTES
from otel_trackio_collector.otlpstatus import (
    MALFORMED,
    METRICS_ONLY,
    NOT_POSTED,
    NOT_TAKEN,
    OTHER_MEDIA,
    TOO_LARGE,
    TOO_SLOW,
    Declined,
    encoded,
    taken,
)
from otel_trackio_collector.reception import Reception

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"

PATH: Final = "/v1/metrics"
OTHER_PATHS: Final = ("/v1/traces", "/v1/logs", "/v1development/profiles")

LINGER_SECONDS: Final = 5.0
"""How long the rest of a refused body is read, and thrown away, so that the answer is heard."""

LINGER_BYTES: Final = 256 << 20
"""How much of it."""

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def metrics_app(reception: Reception, routes: Sequence[BaseRoute] = ()) -> Starlette:
    """`/v1/metrics` and, for a server of ours, further routes."""
    door = _Door(reception)
    others = [Route(path, door.decline, methods=METHODS) for path in OTHER_PATHS]
    return Starlette(routes=[Route(PATH, door.answer, methods=METHODS), *others, *routes])


class _Door:
    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    async def answer(self, request: Request) -> Response:
        media = _media(request)
        try:
            response = await self._taken(request, media)
        except Declined as declined:
            self._reception.answered("http", declined)
            if declined.answer is not TOO_SLOW:
                await _linger(request)
            return _declined(declined, media)
        except ClientDisconnect:
            return Response(status_code=400)  # Nobody hears it.
        self._reception.answered("http")
        return response

    async def decline(self, request: Request) -> Response:
        await _linger(request)
        return _declined(Declined(NOT_TAKEN, METRICS_ONLY), _media(request))

    async def _taken(self, request: Request, media: str) -> Response:
        if request.method != "POST":
            raise Declined(NOT_POSTED, f"{request.method} is not how metrics are sent: POST them")
        with self._reception.begin(request.headers.get("authorization")) as share:
            if media not in (PROTOBUF, JSON):
                raise Declined(OTHER_MEDIA, f"content type {media[:100]!r}: {PROTOBUF} or {JSON}")
            body = self._unpacked(await self._body(request, share), request)
            share.hold(len(body))
            if media == JSON:
                if len(body) > MAX_JSON_BYTES:
                    raise Declined(TOO_LARGE, f"JSON of more than {MAX_JSON_BYTES} bytes")
                body = await self._reception.from_json(body)
            checked = await self._reception.take(body, "http")
        message = taken(checked.rejected, checked.message)
        return Response(encoded(message, media == JSON), media_type=media)

    async def _body(self, request: Request, share: Share) -> bytes:
        """The body as it was sent, held within the budget as it comes."""
        length = request.headers.get("content-length", "")
        if length.isdecimal() and len(length) < 20:
            share.hold(int(length))
        seconds = self._reception.admission.limits.read_seconds
        body = bytearray()
        try:
            async with asyncio.timeout(seconds):
                async for chunk in request.stream():
                    body += chunk
                    share.hold(len(body))
        except TimeoutError:
            raise Declined(TOO_SLOW, f"the request took more than {seconds:g} s") from None
        return bytes(body)

    def _unpacked(self, body: bytes, request: Request) -> bytes:
        limit = self._reception.admission.limits.max_request_bytes
        try:
            return inflate(body, request.headers.get("content-encoding", ""), limit)
        except UnknownEncoding as error:
            raise Declined(OTHER_MEDIA, str(error)) from None
        except TooLarge as error:
            raise Declined(TOO_LARGE, str(error)) from None
        except Garbled as error:
            raise Declined(MALFORMED, str(error)) from None


def _media(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _declined(declined: Declined, media: str) -> Response:
    """In the request's own media type; in protobuf where that is another."""
    as_json = media == JSON
    return Response(
        encoded(declined.status(), as_json),
        declined.answer.http,
        declined.headers(),
        JSON if as_json else PROTOBUF,
    )


async def _linger(request: Request) -> None:
    """Reads what is still coming: a sender that is cut off while it sends hears no answer."""
    left = LINGER_BYTES
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            async for chunk in request.stream():
                left -= len(chunk)
                if left < 0:
                    return
    except (TimeoutError, ClientDisconnect, RuntimeError):
        return  # RuntimeError: it was read to its end.

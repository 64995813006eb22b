"""Request bodies unpacked, within a bound that no bomb gets past."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, Final

import cramjam
import numpy as np

ENCODINGS: Final = ("gzip", "deflate", "zstd")
"""What a body may be packed by, beside `identity`."""


class Garbled(ValueError):
    """The body is not what its encoding says."""


class TooLarge(ValueError):
    """It would unpack to more than is allowed."""


class UnknownEncoding(ValueError):
    """It is packed in a way that we do not unpack."""


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """The body unpacked, all of its members, where that is at most `limit` bytes.

    Raises Garbled, TooLarge or UnknownEncoding. It holds no more than the limit meanwhile.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name in ("gzip", "x-gzip"):
        return _into(cramjam.gzip.decompress_into, body, limit)
    if name == "zstd":
        return _into(cramjam.zstd.decompress_into, body, limit)
    if name == "deflate":
        return _deflated(body, limit)
    raise UnknownEncoding(f"content encoding {name[:50]!r}: send {', '.join(ENCODINGS)}, or none")


def _deflated(body: bytes, limit: int) -> bytes:
    """As the specification has it, in zlib's frame; or bare, as some send it."""
    try:
        return _members(body, zlib.MAX_WBITS, limit)
    except Garbled:
        return _members(body, -zlib.MAX_WBITS, limit)


def _members(body: bytes, window: int, limit: int) -> bytes:
    out = bytearray()
    while True:
        member = zlib.decompressobj(window)
        try:
            out += member.decompress(body, limit + 1 - len(out))
        except zlib.error as error:
            raise Garbled(f"the body cannot be unpacked: {error}") from None
        if len(out) > limit:
            raise TooLarge(f"the body unpacks to more than {limit} bytes")
        if not member.eof:
            raise Garbled("the body cannot be unpacked: it ends too early")
        body = member.unused_data
        if not body:
            return bytes(out)


def _into(unpack: Callable[[bytes, Any], int], body: bytes, limit: int) -> bytes:
    # Memory that is never touched costs nothing: the bound is reserved, not filled.
    room = np.empty(limit + 1, np.uint8)
    try:
        size = unpack(body, room)
    except cramjam.DecompressionError as error:
        if "whole buffer" in str(error):
            raise TooLarge(f"the body unpacks to more than {limit} bytes") from None
        raise Garbled(f"the body cannot be unpacked: {error}") from None
    if size > limit:
        raise TooLarge(f"the body unpacks to more than {limit} bytes")
    return room[:size].tobytes()

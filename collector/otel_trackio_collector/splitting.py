"""Requests made to fit a limit: joined below it, split above it, no value decoded.

Concatenated requests are one request that holds all of them: so protobuf merges messages. What is
too large is cut between resources, else between metrics, else between points, and every part
repeats what its points need: resource, scope, name, unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from otel_trackio_collector.framing import DELIMITED, delimited, fields

FRAME_BYTES: Final = 6
"""What a child's tag and length take at most: one byte and five."""

Tree = Mapping[int, "Tree"]
"""Which fields of a message may be dealt out over several, and how their own are."""

POINTS: Final[Tree] = {1: {}}
REQUEST: Final[Tree] = {1: {2: {2: dict.fromkeys((5, 7, 9, 10, 11), POINTS)}}}
"""Request, ResourceMetrics, ScopeMetrics, Metric, and the five kinds of data with their points."""


def packets(bodies: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """The requests in order, as few as the limit (bytes) allows.

    A single point above the limit comes as a request of its own, above the limit.
    """
    held: list[bytes] = []
    size = 0
    for body in bodies:
        for part in split(body, limit):
            if held and size + len(part) > limit:
                yield b"".join(held)
                held, size = [], 0
            held.append(part)
            size += len(part)
    if held:
        yield b"".join(held)


def split(body: bytes, limit: int) -> list[bytes]:
    """The request as parts of at most `limit` bytes, which together hold just what it held."""
    return [body] if len(body) <= limit else list(_parts(body, limit, REQUEST))


def _parts(body: bytes, limit: int, tree: Tree) -> Iterator[bytes]:
    head, children = _opened(body, tree)
    if not children:
        yield body
        return
    held: list[bytes] = []
    size = len(head)
    for number, child in children:
        room = max(1, limit - len(head) - FRAME_BYTES)
        whole = len(child) <= room
        for part in (child,) if whole else _parts(child, room, tree[number]):
            framed = delimited(number, part)
            if held and size + len(framed) > limit:
                yield head + b"".join(held)
                held, size = [], len(head)
            held.append(framed)
            size += len(framed)
    yield head + b"".join(held)


def _opened(body: bytes, tree: Tree) -> tuple[bytes, list[tuple[int, bytes]]]:
    """What each part repeats, and what is dealt out."""
    head: list[bytes] = []
    children: list[tuple[int, bytes]] = []
    for field in fields(body):
        if field.number in tree and field.wire == DELIMITED:
            children.append((field.number, body[field.value : field.end]))
        else:
            head.append(body[field.start : field.end])
    if len({number for number, _ in children}) > 1:
        return body, []  # A metric of two kinds: the last one counts, so order has a meaning.
    return b"".join(head), children

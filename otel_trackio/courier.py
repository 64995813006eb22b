"""Brings what run files hold to a peer that takes OTLP, in their order, request by request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from otel_trackio.diagnostics import Diagnostics
from otel_trackio.outgoing import Outgoing
from otel_trackio.peer import Peer, Refused, TooLarge, Unwelcome, rejected
from otel_trackio.stretch import Stretch

MAX_POINTS: Final = 8_192
"""Points of one request: what a request takes of a program's time at once."""

MAX_BYTES: Final = 3_500_000
"""Bytes of one, unless a single point has more: servers take 4 MiB unless told."""

LEAST_BYTES: Final = 16_384
"""No limit is learned below this: what a peer then finds too large is refused."""

MAX_REFUSALS: Final = 64
"""Parts of one request that are tried to find the points that are refused; then all that is left
of it is taken for refused."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What came of it so far, in points; `refused` are those that the peer did not take."""

    points: int = 0
    refused: int = 0
    requests: int = 0


@dataclass(slots=True)
class _Refused:
    """Points of a piece that were refused, and why the last of them were."""

    points: int = 0
    why: str = ""


class Courier:
    """`url` is what the peer is called. Used by one thread."""

    def __init__(self, url: str, peer: Peer, diagnostics: Diagnostics) -> None:
        self.url = url
        self.brought = Brought()
        self._peer = peer
        self._diagnostics = diagnostics
        self._max_bytes = MAX_BYTES

    def bring(
        self,
        outgoing: Outgoing,
        last: int,
        moved: Callable[[], object] = lambda: None,
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        """Sends what is to be sent of a file up to the number `last`, unless `enough` says so.

        Calls `moved` whenever its position has. What is refused for good is counted and passed,
        once the peer has taken anything. Raises Retryable, Unwelcome, and StoreError.
        """
        while outgoing.position < last and not enough():
            window, state = outgoing.window(last)
            pieces = list(window.pieces(MAX_POINTS))
            for piece in pieces:
                is_last = piece is pieces[-1]
                if is_last and state and not len(piece):
                    self._bid_farewell(outgoing, state)
                self._send(outgoing, piece, state if is_last else "")
                moved()
                if enough():
                    return

    def close(self) -> None:
        self._peer.close()

    def _send(self, outgoing: Outgoing, piece: Stretch, state: str) -> None:
        """Sends a piece, and counts what is refused of it.

        A peer that has never taken anything, and takes nothing of it either, wants something else
        of us: then it is all kept.
        """
        before, refused = outgoing.mark(), _Refused()
        try:
            self._send_parts(outgoing, piece, state, refused)
        finally:
            unwelcome = refused.points > 0 and not self.brought.requests
            if unwelcome:
                outgoing.back_to(before)
            elif refused.points:
                self._lose("refused", refused.points, refused.why)
        if unwelcome:
            raise Unwelcome(f"{refused.why}; look at the endpoint, which has taken nothing yet")

    def _send_parts(
        self, outgoing: Outgoing, piece: Stretch, state: str, refused: _Refused
    ) -> None:
        """Looks by halves for what is refused."""
        parts, tries = [piece], MAX_REFUSALS
        while parts:
            part = parts.pop()
            if not len(part):
                outgoing.passed(part)
                continue
            request = outgoing.request(part, "" if parts else state)
            size = len(request.body)
            if size > self._max_bytes and len(part) > 1:
                parts += reversed(part.halves())
                continue
            try:
                self._post(request.body, request.points)
            except Unwelcome:
                raise
            except Refused as error:
                tries -= 1
                if len(part) > 1 and self._is_worth_halving(error, size, tries):
                    parts += reversed(part.halves())
                    continue
                refused.points += request.points
                refused.why = str(error)
            outgoing.passed(part, request.totals)

    def _is_worth_halving(self, error: Refused, size: int, tries: int) -> bool:
        if isinstance(error, TooLarge):
            self._max_bytes = max(LEAST_BYTES, min(self._max_bytes, size // 2))
            return size > LEAST_BYTES
        return tries > 0

    def _bid_farewell(self, outgoing: Outgoing, state: str) -> None:
        request = outgoing.farewell(state)
        if request is not None:
            try:
                self._post(request.body, 0)
            except Unwelcome:
                raise
            except Refused as error:  # It is about a point that was passed before.
                self._lose("refused", 0, str(error))

    def _post(self, body: bytes, points: int) -> None:
        lost, why = rejected(self._peer.send(body))
        done = self.brought
        self.brought = Brought(done.points + points - lost, done.refused, done.requests + 1)
        if lost or why:
            self._lose("rejected", lost, why)

    def _lose(self, kind: str, points: int, why: str) -> None:
        done = self.brought
        self.brought = Brought(done.points, done.refused + points, done.requests)
        self._diagnostics.error(
            f"otlp.{kind}",
            f"{self.url} does not take {points} points: {why} (they stay in the run file)",
            amount=points,
        )

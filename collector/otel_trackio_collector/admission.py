"""Admission: how much of what senders send may be in memory at once, and who may send."""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from otel_trackio.errors import ConfigError
from otel_trackio_collector.otlpstatus import BUSY, TOO_LARGE, UNAUTHENTICATED, Declined

MAX_REQUEST_BYTES: Final = 64 << 20
"""How large one request may be, packed and unpacked: what the specification recommends."""

MAX_IN_FLIGHT_BYTES: Final = 256 << 20
"""How much requests may hold together between their first byte and their answer."""

MAX_REQUESTS: Final = 1_000
"""How many may be under way in one receiver."""

READ_SECONDS: Final = 30.0
"""How long a sender may take from a request's first byte to its last."""

HASH_PREFIX: Final = "sha256:"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one receiver takes."""

    max_request_bytes: int = MAX_REQUEST_BYTES
    max_in_flight_bytes: int = MAX_IN_FLIGHT_BYTES
    max_requests: int = MAX_REQUESTS
    read_seconds: float = READ_SECONDS


class Admission:
    """The budget that receivers share. Safe from any thread."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._in_flight = 0
        self._requests = 0
        self._lock = threading.Lock()

    @property
    def in_flight(self) -> int:
        """Bytes that requests hold now."""
        return self._in_flight

    @property
    def requests(self) -> int:
        """Requests that are under way now."""
        return self._requests

    def begin(self) -> Share:
        """A request's share of the budget, to be closed with its answer. Raises Declined."""
        with self._lock:
            if self._requests >= self.limits.max_requests:
                raise Declined(BUSY, f"{self._requests} requests are under way")
            self._requests += 1
        return Share(self)

    def _take(self, size: int) -> bool:
        with self._lock:
            if size > 0 and self._in_flight + size > self.limits.max_in_flight_bytes:
                return False
            self._in_flight += size
            return True

    def _end(self, size: int) -> None:
        with self._lock:
            self._in_flight -= size
            self._requests -= 1


class Share:
    """What one request holds of the budget."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._size = 0

    def hold(self, size: int) -> None:
        """It holds so many bytes now. Raises Declined where that is too much, of it or of all."""
        limits = self._admission.limits
        if size > limits.max_request_bytes:
            raise Declined(
                TOO_LARGE,
                f"a request of more than {limits.max_request_bytes} bytes: send smaller ones",
            )
        if not self._admission._take(size - self._size):
            raise Declined(
                BUSY, f"requests hold {limits.max_in_flight_bytes} bytes already: send it later"
            )
        self._size = size

    def __enter__(self) -> Share:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._admission._end(self._size)
        self._size = 0


class Tokens:
    """The bearer tokens of those who may send, of which only hashes are kept."""

    def __init__(self, given: Iterable[str] = ()) -> None:
        """Each is a token, or `sha256:` and the hexadecimal hash of one. Raises ConfigError."""
        self._hashes = [_hash_of(each) for each in given]

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def demand(self, authorization: str | None) -> None:
        """Raises Declined unless the header carries one of the tokens, or none is asked for."""
        if not self._hashes:
            return
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Declined(UNAUTHENTICATED, "send the header `authorization: Bearer TOKEN`")
        hashed = _hashed(token.strip())
        # All are compared, so that the time taken tells nothing.
        if not sum(hmac.compare_digest(hashed, each) for each in self._hashes):
            raise Declined(UNAUTHENTICATED, "that token is not one of this collector's")


def _hash_of(given: str) -> str:
    if not given.startswith(HASH_PREFIX):
        if not given:
            raise ConfigError("a token is empty", "is its environment variable set?")
        return _hashed(given)
    digest = given.removeprefix(HASH_PREFIX).lower()
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise ConfigError(
            f"{HASH_PREFIX} is followed by 64 hexadecimal digits",
            "printf %s TOKEN | sha256sum makes them",
        )
    return digest


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()

"""What a peer that takes OTLP may answer, and when to try again. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, Protocol

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)

BATCH_BYTES: Final = 3_500_000
"""Most of one request: below the 4 MiB that gRPC servers take unless told."""

LONGEST_SECONDS: Final = 600.0
"""How long a peer may tell a sender to wait."""


class Retryable(Exception):
    """The same may go through later; not before `after` seconds, where the peer says so."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Refused(Exception):
    """The same will be refused again."""


class Unwelcome(Refused):
    """Whatever is sent will be refused: it is not about what was sent, but about who sends, or
    where to. The message tells the remedy."""


class TooLarge(Refused):
    """The peer takes no message of that size."""


class Peer(Protocol):
    """Where requests go."""

    def send(self, body: bytes) -> bytes:
        """The answer, as OTLP spells one. Raises Retryable, TooLarge or Refused."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When to try again, in seconds: each wait is `multiplier` times the last, to `max_interval`.

    `jitter` is the share by which a wait is shortened or lengthened at random. After
    `max_elapsed_time` of one batch it is dropped; 0 is never: the log's own age bound ends it.
    """

    enabled: bool = True
    initial_interval: float = 5.0
    multiplier: float = 1.5
    jitter: float = 0.5
    max_interval: float = 30.0
    max_elapsed_time: float = 0.0

    def wait(self, attempt: int, after: float | None = None) -> float:
        """Seconds to wait after the `attempt`-th failure in a row, counted from 0."""
        growth = self.multiplier ** min(attempt, 64)
        wait = min(self.initial_interval * growth, self.max_interval)
        wait *= random.uniform(1 - self.jitter, 1 + self.jitter)
        return max(wait, min(after or 0.0, LONGEST_SECONDS))

    def over(self, elapsed: float) -> bool:
        """Whether a batch that failed for so long is to be dropped."""
        return not self.enabled or 0 < self.max_elapsed_time <= elapsed


def rejected(answer: bytes) -> tuple[int, str]:
    """How many points the peer did not take, and why. Raises Retryable for what is no answer."""
    if not answer:
        return 0, ""
    try:
        partial = ExportMetricsServiceResponse.FromString(answer).partial_success
    except DecodeError:
        raise Retryable("the answer is not OTLP; does the endpoint speak it?") from None
    return partial.rejected_data_points, partial.error_message

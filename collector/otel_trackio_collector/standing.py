"""How an exporter stands: what went out, what did not, and how far it is behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from otel_trackio_collector.telemetry import Family, Sample


@dataclass(frozen=True, slots=True)
class Standing:
    """Counts are of points, from the start of this process, but for `dropped["bound"]`, which the
    log keeps.

    `dropped` is by reason: `bound` (the log's bounds), `refused`, `rejected` (partial success),
    `expired` (max_elapsed_time), `backlog` (its own bounds). `failures` are attempts that are
    tried again.
    """

    name: str
    sent: int
    dropped: dict[str, int]
    failures: int
    lag_requests: int
    lag_points: int
    lag_bytes: int
    lag_seconds: float
    error: str
    """What the last attempt failed with; empty when it went through."""
    counts: dict[str, int]
    """What else the exporter counts: points `folded` into others, or `not selected`, and so on."""


SENT: Final = Family("otelcol_exporter_sent_metric_points", "counter", "Points taken by the peer.")
SEND_FAILED: Final = Family(
    "otelcol_exporter_send_failed_metric_points",
    "counter",
    "Points given up: refused, rejected, or tried for too long.",
)
QUEUE_SIZE: Final = Family("otelcol_exporter_queue_size", "gauge", "Requests yet to be sent.")
DROPPED: Final = Family(
    "otel_trackio_exporter_dropped_metric_points", "counter", "Points not sent, by reason."
)
FAILURES: Final = Family(
    "otel_trackio_exporter_retries", "counter", "Exports that failed, and were tried again."
)
COUNTED: Final = Family(
    "otel_trackio_exporter_counted_metric_points", "counter", "What the exporter made of points."
)
LAG_POINTS: Final = Family(
    "otel_trackio_exporter_lag_metric_points", "gauge", "Points yet to be sent."
)
LAG_BYTES: Final = Family(
    "otel_trackio_exporter_lag_bytes", "gauge", "Bytes yet to be sent, as the log stores them."
)
LAG_SECONDS: Final = Family(
    "otel_trackio_exporter_lag_seconds", "gauge", "Age of the oldest request yet to be sent."
)


def counts_of(exporter: object) -> dict[str, int]:
    """What an exporter counts beside what it sends: as `counts`, or by calling that."""
    counts = getattr(exporter, "counts", {})
    return dict(counts() if callable(counts) else counts)


def samples_of(standings: Iterable[Standing]) -> list[Sample]:
    """For Telemetry.register."""
    found: list[Sample] = []
    for each in standings:
        labels = {"exporter": each.name}
        failed = sum(points for reason, points in each.dropped.items() if reason != "bound")
        found += [
            Sample(SENT, labels, each.sent),
            Sample(SEND_FAILED, labels, failed),
            Sample(QUEUE_SIZE, labels, each.lag_requests),
            Sample(FAILURES, labels, each.failures),
            Sample(LAG_POINTS, labels, each.lag_points),
            Sample(LAG_BYTES, labels, each.lag_bytes),
            Sample(LAG_SECONDS, labels, each.lag_seconds),
        ]
        found += [
            Sample(DROPPED, {**labels, "reason": reason}, points)
            for reason, points in each.dropped.items()
        ]
        found += [
            Sample(COUNTED, {**labels, "what": what}, points)
            for what, points in each.counts.items()
        ]
    return found

"""OTLP out: requests go on as they came, joined or split to fit, over whichever transport."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from otel_trackio.peer import Peer, Refused, TooLarge, rejected
from otel_trackio_collector.forwarding import BATCH_BYTES, Sent
from otel_trackio_collector.requestlog import Entry
from otel_trackio_collector.splitting import packets, split

LEAST_BYTES: Final = 16_384
"""No limit is learned below this: what a peer then finds too large is refused."""


class OtlpExporter:
    """Sends to a peer, `max_bytes` a message at most, and less once the peer found that too large.

    Of a request that takes several messages, those that went are not sent again.
    """

    def __init__(self, name: str, peer: Peer, max_bytes: int = BATCH_BYTES) -> None:
        self.name = name
        self.max_bytes = max_bytes
        self._peer = peer
        self._under_way: tuple[int, int] | None = None
        self._parts: deque[bytes] = deque()
        self._several = False
        self._rejected = 0
        self._message = ""

    def export(self, entries: Sequence[Entry]) -> Sent:
        """See `Exporter`."""
        if not entries:
            return Sent(0)
        under_way = (entries[0].number, entries[-1].number)
        if under_way != self._under_way:
            self._under_way = under_way
            self._parts = deque(packets((each.body for each in entries), self.max_bytes))
            self._several = len(self._parts) > 1
            self._rejected, self._message = 0, ""
        while self._parts:
            self._send_first()
        self._under_way = None
        points = sum(each.points for each in entries)
        return Sent(max(0, points - self._rejected), self._rejected, self._message)

    def close(self) -> None:
        self._peer.close()

    def _send_first(self) -> None:
        body = self._parts[0]
        try:
            answer = self._peer.send(body)
        except TooLarge as error:
            smaller = split(body, max(LEAST_BYTES, len(body) // 2))
            if len(smaller) == 1:
                return self._refuse(body, error)
            self.max_bytes = min(self.max_bytes, max(LEAST_BYTES, len(body) // 2))
            self._several = True
            self._parts.popleft()
            self._parts.extendleft(reversed(smaller))
            return None
        except Refused as error:
            return self._refuse(body, error)
        self._reject(*rejected(answer))
        self._parts.popleft()
        return None

    def _refuse(self, body: bytes, error: Refused) -> None:
        """A part that is refused is counted; where it is all there is, the batch is refused."""
        if not self._several:
            self._under_way = None
            raise error
        self._reject(points_of(body), str(error))
        self._parts.popleft()

    def _reject(self, points: int, message: str) -> None:
        self._rejected += points
        self._message = message or self._message


def points_of(body: bytes) -> int:
    """How many points a request holds."""
    count = 0
    for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                count += len(getattr(metric, kind).data_points) if kind else 0
    return count

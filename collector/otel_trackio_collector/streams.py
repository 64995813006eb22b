"""What a batch of requests holds, as it is read: rows by series, and what cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage

from otel_trackio.model import Series
from otel_trackio_collector.logfile import Entry
from otel_trackio_collector.measurement import (
    REQUEST,
    Resource,
    Row,
    Stream,
    Value,
    rows_of,
)
from otel_trackio_collector.otlpvalue import attributes_of, canonical
from otel_trackio_collector.runs import sender_of

MAX_KNOWN: Final = 2**16
"""Resources and series that are remembered; then all are forgotten."""


UNKNOWN: Final = "a metric of a kind that is not known"


@dataclass(frozen=True, slots=True)
class Odd:
    """What cannot be read: a request, or a metric of a kind that is not known, and why."""

    entry: Entry
    reason: str
    body: bytes
    points: int


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What requests hold: the streams of which they have rows, and what cannot be read."""

    streams: tuple[Stream, ...]
    odd: tuple[Odd, ...]


class Streams:
    """Fills, an entry at a time, until `take`; resources and series are remembered beyond that."""

    def __init__(self) -> None:
        self.entry = Entry(0, 0, b"", 0)
        """The request that is being read."""
        self._touched: dict[Stream, None] = {}
        self._odd: list[Odd] = []
        self.forget()

    def forget(self) -> None:
        """Forgets resources and series."""
        self._resources: dict[bytes | str, Resource] = {}
        self._streams: dict[tuple[Resource, Series], Stream] = {}

    @property
    def full(self) -> bool:
        """Whether it is time to forget."""
        return len(self._resources) + len(self._streams) > MAX_KNOWN

    def resource(self, raw: bytes) -> Resource:
        """The resource of that message. Raises DecodeError."""
        known = self._resources.get(raw)
        if known is None:
            attributes = attributes_of(ResourceMessage.FromString(raw).attributes)
            made = Resource(attributes, sender_of(attributes))
            # Others may write the same attributes otherwise.
            known = self._resources.setdefault(canonical(attributes), made)
            self._resources[raw] = known
        return known

    def stream(self, resource: Resource, series: Series) -> Stream:
        known = self._streams.get((resource, series))
        if known is None:
            known = self._streams[resource, series] = Stream(resource, series)
        return known

    def touch(self, stream: Stream) -> None:
        """To be called before rows are put into a stream that has none."""
        self._touched[stream] = None

    def add(self, stream: Stream, rows: list[Row]) -> None:
        self._touched[stream] = None
        stream.rows += rows

    def rows(self, point: Any, value: Value, step: int, expands: bool) -> list[Row]:
        """The rows of a message that is a point of any kind."""
        return rows_of(point, value, step, expands, self.entry.number, self.entry.received)

    def strange(self, metric: bytes) -> None:
        """Notes a metric that a later version of OTLP may know."""
        self._odd.append(Odd(self.entry, UNKNOWN, metric, 1))

    def spoilt(self, reason: str) -> None:
        """Notes that the entry cannot be read, in place of what was read of it."""
        self.undo()
        self._odd.append(Odd(self.entry, reason, self.entry.body, self.entry.points))

    def undo(self) -> None:
        """As if nothing of the entry had been read."""
        self._odd = [each for each in self._odd if each.entry is not self.entry]
        for stream in self._touched:
            stream.rows = [row for row in stream.rows if row[REQUEST] != self.entry.number]

    def take(self) -> Decoded:
        """Everything since it was taken last."""
        streams = [Stream(e.resource, e.series, e.rows) for e in self._touched if e.rows]
        decoded = Decoded(tuple(streams), tuple(self._odd))
        for stream in self._touched:
            stream.rows = []
        self._touched, self._odd = {}, []
        return decoded

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

MAX_KNOWN: Final = 2**18
"""Resources and series that are remembered; then all are forgotten."""

MAX_NEW: Final = 2**17
"""Series and resources that one request may bring; one with more is set aside: it would
take the memory of all others."""

UNKNOWN: Final = "a metric of a kind that is not known"


class TooMany(Exception):
    """A request brings more series and resources than may be."""


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

    def __init__(self, max_new: int = MAX_NEW) -> None:
        self.begin(Entry(0, 0, b"", 0))
        self._max_new = max_new
        self._touched: dict[Stream, None] = {}
        self._odd: list[Odd] = []
        self.forget()

    def begin(self, entry: Entry) -> None:
        """What is added from now on is this request's."""
        self.entry = entry
        self._new = 0

    def forget(self) -> None:
        """Forgets resources and series."""
        self._resources: dict[bytes | str, Resource] = {}
        self._streams: dict[tuple[Resource, Series], Stream] = {}

    @property
    def full(self) -> bool:
        """Whether it is time to forget."""
        return len(self._resources) + len(self._streams) > MAX_KNOWN

    def resource(self, raw: bytes) -> Resource:
        """The resource of that message. Raises DecodeError, TooMany."""
        known = self._resources.get(raw)
        if known is None:
            self._count()
            attributes = attributes_of(ResourceMessage.FromString(raw).attributes)
            made = Resource(attributes, sender_of(attributes))
            # Others may write the same attributes otherwise.
            known = self._resources.setdefault(canonical(attributes), made)
            self._resources[raw] = known
        return known

    def stream(self, resource: Resource, series: Series) -> Stream:
        """Raises TooMany."""
        known = self._streams.get((resource, series))
        if known is None:
            self._count()
            known = self._streams[resource, series] = Stream(resource, series)
        return known

    def _count(self) -> None:
        self._new += 1
        if self._new > self._max_new:
            raise TooMany(f"it brings more than {self._max_new} series")

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
        for stream in self._touched:  # Its rows are the last ones.
            rows = stream.rows
            while rows and rows[-1][REQUEST] == self.entry.number:
                rows.pop()

    def take(self) -> Decoded:
        """Everything since it was taken last."""
        streams = [Stream(e.resource, e.series, e.rows) for e in self._touched if e.rows]
        decoded = Decoded(tuple(streams), tuple(self._odd))
        for stream in self._touched:
            stream.rows = []
        self._touched, self._odd = {}, []
        return decoded

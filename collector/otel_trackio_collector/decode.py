"""OTLP requests to rows by series, quickly where they look as SDKs write them.

A point is read from its bytes, and its attributes, which lie behind everything else, name its
series: they are decoded once, and looked up by their bytes from then on. Points of one series that
differ in their numbers alone are read all at once. Whatever looks otherwise goes through messages
of the protobuf library: a point, a metric or a whole request.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint

from otel_trackio.model import NO_STEP
from otel_trackio_collector import messages
from otel_trackio_collector.framing import Field, fields
from otel_trackio_collector.logfile import Entry
from otel_trackio_collector.measurement import (
    NUMBER,
    STEP,
    About,
    Resource,
    Row,
    Stream,
    same,
    step_of,
)
from otel_trackio_collector.otlpvalue import MAX_TIME, attributes_of, number_of
from otel_trackio_collector.pointbytes import (
    EXEMPLAR,
    FLOAT,
    FLOAT_AT,
    INTEGER,
    INTEGER_AT,
    PAD,
    POINT,
    SAID,
    START,
    STARTED,
    TIME,
    TIMED,
    WHEN,
    extent,
    mark,
)
from otel_trackio_collector.pointrun import LEAST_POINTS, run_at
from otel_trackio_collector.streams import MAX_NEW, Decoded, Streams

MAX_SPOTS: Final = 2**17
"""Attributes, as bytes, that are remembered with their series; then all are forgotten."""

LEAST_AHEAD: Final = 64
"""Points of a run that are looked at together, at first; then ever twice as many, or a request of
many runs would be looked through once for each."""

NOT_OTLP: Final = "not OTLP"

_GAUGE, _SUM = 5, 7
_DATA: Final = {_GAUGE, _SUM, 9, 10, 11}
_OF_METRIC: Final = {1, 2, 3, 12, *_DATA}


class Unusual(Exception):
    """Valid, maybe, but not as SDKs write it."""


@dataclass(slots=True, eq=False)
class _Spot:
    """Where points with the same attributes go, and the step that these tell."""

    stream: Stream
    step: int


@dataclass(slots=True, eq=False)
class _Table:
    """A metric of a resource, and the attributes of it that are known by their bytes."""

    resource: Resource
    about: About
    expands: bool
    spots: dict[bytes, _Spot] = field(default_factory=dict)


class Decoder:
    """Remembers series from call to call. `complete` is to go through messages always."""

    def __init__(self, complete: bool = False, max_new: int = MAX_NEW) -> None:
        self._complete = complete
        self._streams = Streams(max_new)
        self._request = 0
        self._forget()

    def decode(self, entries: Sequence[Entry]) -> Decoded:
        """The rows of all entries, by series, in the order of the requests."""
        if self._streams.full or self._known > MAX_SPOTS:
            self._forget()
        for entry in entries:
            self._streams.begin(entry)
            self._request = entry.number
            try:
                self._read(entry)
            except DecodeError as error:
                self._streams.spoilt(f"{NOT_OTLP}: {error}")
            except Exception as error:  # noqa: BLE001 (one request must not hold up all others)
                self._streams.spoilt(f"{type(error).__name__}: {error}")
        return self._streams.take()

    def _forget(self) -> None:
        self._known = 0
        self._tables: dict[tuple[Resource, bytes, bytes, int], _Table] = {}
        self._streams.forget()

    def _read(self, entry: Entry) -> None:
        if not self._complete:
            try:
                return self._of_request(entry.body)
            except (Unusual, ValueError, IndexError, struct.error, DecodeError):
                self._streams.undo()
        return messages.read(self._streams, entry.body)

    def _of_request(self, body: bytes) -> None:
        data = body + PAD
        for of_resource in _head(data, 0, len(body), None)[1]:
            raw, scopes = _head(data, of_resource.value, of_resource.end)
            resource = self._streams.resource(raw)
            for scope in scopes:
                raw, metrics = _head(data, scope.value, scope.end)
                for metric in metrics:
                    self._of_metric(data, metric, resource, raw)

    def _of_metric(self, data: bytes, place: Field, resource: Resource, scope: bytes) -> None:
        head, held, strange = b"", None, False
        for each in fields(data, place.value, place.end):
            if each.number not in _DATA:
                head += data[each.start : each.end]
                strange = strange or each.number not in _OF_METRIC
            elif held is not None:
                raise Unusual
            else:
                held = each
        if held is None:
            return self._streams.strange(data[place.value : place.end]) if strange else None
        if held.number not in (_GAUGE, _SUM):
            metric = Metric.FromString(data[place.value : place.end])
            of_scope = InstrumentationScope.FromString(scope)
            return messages.read_metric(self._streams, resource, of_scope, metric)
        tail = _tail(data, held) if held.number == _SUM else b""
        known = resource, scope, head + tail, held.number
        table = self._tables.get(known)
        if table is None:
            table = self._tables[known] = _table(resource, scope, head, held.number, tail)
            self._known += 1
        return self._points(data, held.value, held.end - len(tail), table)

    def _points(self, data: bytes, at: int, end: int, table: _Table) -> None:
        """The points from `at` to `end`."""
        before, tried, ahead = None, False, LEAST_AHEAD
        while at < end:
            begin, stop = extent(data, at + 1)
            if data[at] != POINT or stop > end:
                raise Unusual
            spot = self._point(data, begin, stop, table)
            if spot is None or spot is not before or tried:
                before, at = spot, stop
                continue
            size, at = stop - at, stop
            if end - at >= LEAST_POINTS * size:
                last = min(end, at + (ahead - 1) * size)
                rows = run_at(data, at - size, last, size, table.expands, self._request)
                self._streams.add(spot.stream, rows[1:])
                at += size * max(0, len(rows) - 1)
                tried = len(rows) < LEAST_POINTS
                ahead = 2 * ahead if len(rows) == ahead else LEAST_AHEAD
        if at != end:
            raise Unusual

    def _point(self, data: bytes, begin: int, end: int, table: _Table) -> _Spot | None:
        """Reads a point; returns its spot, where it looks like others that may follow."""
        tag, start, next_tag, time, third_tag, value = STARTED(data, begin)
        if tag == START and next_tag == TIME and third_tag == FLOAT:
            at = begin + 27
        elif tag == TIME and next_tag == FLOAT:
            start, time, at = 0, start, begin + 18
            (value,) = FLOAT_AT(data, begin + 10)
        elif tag == START and next_tag == TIME and third_tag == INTEGER:
            at = begin + 27
            (value,) = INTEGER_AT(data, begin + 19)
        else:
            return self._through_message(data, begin, end, table)
        if not 0 < time < MAX_TIME > start or at > end:
            return self._through_message(data, begin, end, table)
        if at < end and data[at] == EXEMPLAR:
            return self._carried(data, begin, at, end, table, (time, start, value))
        key = data[at:end]
        spot = table.spots.get(key) or self._spot(table, key)
        if spot is None:
            return self._through_message(data, begin, end, table)
        rows = spot.stream.rows
        if not rows:
            self._streams.touch(spot.stream)
        rows.append((time, start, value, spot.step, 0, self._request, None))
        return spot

    def _carried(
        self,
        data: bytes,
        begin: int,
        at: int,
        end: int,
        table: _Table,
        measured: tuple[int, int, float],
    ) -> _Spot | None:
        """A point whose exemplars say its step and number, and no more."""
        time, start, value = measured
        rows: list[Row] = []
        while at < end and data[at] == EXEMPLAR:
            place, at = extent(data, at + 1)
            tag, when, next_tag, said = TIMED(data, place)
            told = mark(data, place + 18, at) if tag == WHEN and next_tag == SAID else None
            if told is None or not 0 < when < MAX_TIME:
                return self._through_message(data, begin, end, table)
            rows.append((when, start, said, *told, self._request, None))
        key = data[at:end]
        spot = table.spots.get(key) or self._spot(table, key)
        plain = table.expands or (len(rows) == 1 and rows[0][0] == time)
        if spot is None or spot.step != NO_STEP or not plain or not same(value, rows[-1][2]):
            return self._through_message(data, begin, end, table)
        if not table.expands:  # An exemplar of 0.0 may stand on a point of -0.0.
            rows = [(time, start, value, rows[0][STEP], rows[0][NUMBER], self._request, None)]
        self._streams.add(spot.stream, rows)
        return spot if len(rows) == 1 else None

    def _through_message(self, data: bytes, begin: int, end: int, table: _Table) -> _Spot | None:
        point = NumberDataPoint.FromString(data[begin:end])
        attributes = attributes_of(point.attributes)
        step = step_of(attributes)
        series = table.about.series(attributes, table.resource.sender.rank)
        rows = self._streams.rows(point, number_of(point), step, table.expands)
        self._streams.add(self._streams.stream(table.resource, series), rows)
        return None

    def _spot(self, table: _Table, key: bytes) -> _Spot | None:
        """Where points go whose bytes end like this; None where these hold more than attributes."""
        message = NumberDataPoint.FromString(key)
        if any(each.name != "attributes" for each, _ in message.ListFields()):
            return None
        attributes = attributes_of(message.attributes)
        step = step_of(attributes)
        series = table.about.series(attributes, table.resource.sender.rank)
        spot = _Spot(self._streams.stream(table.resource, series), step)
        if step == NO_STEP:  # With a step they would hardly come again.
            table.spots[key] = spot
            self._known += 1
        return spot


def _table(resource: Resource, scope: bytes, head: bytes, number: int, tail: bytes) -> _Table:
    metric = Metric.FromString(head)
    data = metric.gauge if number == _GAUGE else metric.sum
    data.MergeFromString(tail)
    data.SetInParent()
    about = messages.about_of(InstrumentationScope.FromString(scope), metric)
    return _Table(resource, about, about.expands)


def _head(data: bytes, start: int, end: int, head: int | None = 1) -> tuple[bytes, list[Field]]:
    """The resource or scope of what lies there, as bytes, and the messages that belong to it."""
    raw, parts = None, []
    for each in fields(data, start, end):
        if each.number == (1 if head is None else 2):
            parts.append(each)
        elif each.number == head:
            if raw is not None:
                raise Unusual
            raw = data[each.value : each.end]
    return raw or b"", parts


def _tail(data: bytes, held: Field) -> bytes:
    """What stands behind the points of a sum: its temporality, and whether it is monotonic."""
    for size, tags in ((4, b"\x10\x18"), (2, b"\x10"), (2, b"\x18")):
        tail = data[max(held.value, held.end - size) : held.end]
        if len(tail) == size and tail[::2] == tags:
            return tail
    return b""

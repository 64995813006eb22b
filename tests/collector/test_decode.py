"""Decoding: the quick way gives what the complete one does, whatever a request looks like."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest as Request,
)

from otel_trackio.model import NO_STEP
from otel_trackio_collector.decode import NOT_OTLP, Decoder
from otel_trackio_collector.framing import delimited
from otel_trackio_collector.requestlog import Entry
from otel_trackio_collector.streams import UNKNOWN, Decoded
from tests.collector import otlp
from tests.collector.otlp import NOW, SECOND, counter, entry, exemplar, gauge, point, request


def shown(decoded: Decoded) -> Any:
    """What was decoded, so that equal is equal: NaN and -0.0 by their spelling."""
    streams = [
        (repr(each.resource.attributes), each.series, repr(each.rows)) for each in decoded.streams
    ]
    odd = [(each.entry.number, each.points) for each in decoded.odd]
    assert {each.reason for each in decoded.odd} <= {UNKNOWN}
    return sorted(streams, key=repr), odd


def both_ways(*bodies: bytes) -> tuple[Any, Any]:
    entries = [Entry(number, NOW, body, 1) for number, body in enumerate(bodies, 1)]
    quick = Decoder()
    quick.decode(entries)  # What is known by now must give the same again.
    return shown(quick.decode(entries)), shown(Decoder(complete=True).decode(entries))


@given(
    st.lists(otlp.requests() | otlp.runs(), min_size=1, max_size=3),
    st.randoms(use_true_random=False),
)
def test_any_request(requests: list[Request], rnd: random.Random) -> None:
    """Every request is read quickly as it is read completely, in whatever order its fields are."""
    bodies = [each.SerializeToString() for each in requests]
    for some in (bodies, [otlp.shuffled(body, rnd) for body in bodies]):
        quick, complete = both_ways(*some)
        assert quick == complete


@given(otlp.requests() | otlp.runs(), st.data())
@example(request(gauge("loss", point(NOW, 1.0))), None)
def test_damaged_requests(whole: Request, data: Any) -> None:
    """Bytes that protobuf takes are read the same both ways; no others raise anything."""
    body = bytearray(whole.SerializeToString())
    if data is not None and body:
        for _ in range(data.draw(st.integers(1, 3))):
            body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        if data.draw(st.booleans()):
            del body[data.draw(st.integers(0, len(body))) :]
    try:
        Request.FromString(bytes(body))
    except DecodeError:
        [odd] = Decoder(complete=True).decode([Entry(1, NOW, bytes(body), 1)]).odd
        assert odd.reason.startswith(NOT_OTLP)
        Decoder().decode([Entry(1, NOW, bytes(body), 1)])
        return
    quick, complete = both_ways(bytes(body))
    assert quick == complete


def rows(*requests: Request, complete: bool = False) -> dict[str, list[tuple[Any, ...]]]:
    """Time, value, step and number of each row, by key."""
    made = Decoder(complete).decode([entry(1, *requests)])
    assert not made.odd
    return {
        each.series.key: [(row[0] - NOW, row[2], row[3], row[4]) for row in each.rows]
        for each in made.streams
    }


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("value", [0.5, 7])
def test_steps(complete: bool, value: float | int) -> None:
    """A step is told by the exemplar of a point, or by the point; negative ones and large, too."""
    for step in (0, 1, 127, 128, 20_000, 2**62, -1, -(2**63) + 1):
        carried = [exemplar(NOW, value, step=step, seq=300)]
        got = rows(
            request(
                gauge("on exemplar", point(NOW, value, {"a": "b"}, carried)),
                gauge("on point", point(NOW, value, {"training.step": step, "a": "b"})),
                counter("of a sum", point(NOW, value, None, carried)),
            ),
            complete=complete,
        )
        assert got["on exemplar"] == [(0, value, step, 300)]
        assert got["on point"] == [(0, value, step, 0)]
        assert got["of a sum"] == [(0, value, step, 300)]


def test_zeros_keep_their_sign() -> None:
    """Of a point and its exemplar, equal but for the sign of zero, a sum has the point's value, a
    gauge the exemplar's; alone and in runs."""
    for size in (1, 300):
        points = [
            point(NOW + n, -0.0, None, [exemplar(NOW + n, 0.0, step=n % 100)]) for n in range(size)
        ]
        body = request(gauge("g", *points), counter("c", *points)).SerializeToString()
        quick, complete = both_ways(body)
        assert quick == complete


def test_a_long_request_is_looked_through_once() -> None:
    """Runs, as they begin and end within a metric, are found wherever they are, and read whole."""
    runs = (1, 23, 24, 25, 63, 64, 65, 127, 128, 129, 500, 24)
    points = [
        point(NOW + n, n / 2, {"series": number}, [exemplar(NOW + n, n / 2, step=n)])
        for number, size in enumerate(runs)
        for n in range(1000, 1000 + size)
    ]
    quick, complete = both_ways(request(gauge("loss", *points)).SerializeToString())
    assert quick == complete


@pytest.mark.parametrize("complete", [False, True])
def test_exemplars_are_expanded(complete: bool) -> None:
    """Exemplars of a gauge that carry steps are its measurements; without steps they are not, and
    those of a sum never are."""
    measured = [exemplar(NOW + n, n / 2, step=n) for n in range(3)]
    got = rows(
        request(
            gauge("ends with the last", point(NOW + 9, 1.0, None, measured)),
            gauge("says more", point(NOW + 9, 5.0, None, measured)),
            gauge("no steps", point(NOW + 9, 5.0, None, [exemplar(NOW, 5.0)])),
            counter("sum", point(NOW + 9, 1.5, None, measured)),
        ),
        complete=complete,
    )
    expanded = [(n, n / 2, n, 0) for n in range(3)]
    assert got["ends with the last"] == expanded
    assert got["says more"] == [*expanded, (9, 5.0, NO_STEP, 0)]
    assert got["no steps"] == [(9, 5.0, NO_STEP, 0)]
    assert got["sum"] == [(9, 1.5, 2, 0)]


def test_impossible_times() -> None:
    """A point without a time, or with one that no clock shows, has that of its arrival."""
    got = rows(request(gauge("loss", *(point(time, 1.0) for time in (0, 2**63, 2**64 - 1)))))
    assert got["loss"] == [(0, 1.0, NO_STEP, 0)] * 3


def test_one_bad_request() -> None:
    """What is no OTLP is told, whole, and spoils nothing of the requests around it."""
    good = request(gauge("loss", point(NOW, 1.0))).SerializeToString()
    bad = good[:-3]
    entries = [Entry(number, NOW, body, 1) for number, body in enumerate((good, bad, good), 1)]
    decoded = Decoder().decode(entries)
    assert [row[5] for stream in decoded.streams for row in stream.rows] == [1, 3]
    assert [(each.entry.number, each.body) for each in decoded.odd] == [(2, bad)]


@pytest.mark.parametrize("complete", [False, True])
def test_a_request_of_too_many_series(complete: bool) -> None:
    """A request that brings more series than there is memory for is told, whole, and spoils
    nothing of the requests around it."""
    few, many = (
        request(gauge("loss", *(point(NOW, 1.0, {"n": n}) for n in range(size))))
        for size in (9, 10)
    )
    decoder = Decoder(complete, max_new=10)
    decoded = decoder.decode(
        [entry(1, few), entry(2, many), entry(3, request(gauge("x", point(NOW, 1.0))))]
    )
    assert sorted({row[5] for stream in decoded.streams for row in stream.rows}) == [1, 2, 3]
    fresh = Decoder(complete, max_new=10).decode([entry(1, many), entry(2, few)])
    assert [(each.entry.number, each.points) for each in fresh.odd] == [(1, 10)]
    assert [row[5] for stream in fresh.streams for row in stream.rows] == [2] * 9


def test_unknown_kinds_of_metric() -> None:
    """A metric of a kind that later versions may have is told, and its neighbours are read."""
    metric = gauge("loss", point(NOW, 1.0))
    later = delimited(1, b"later") + delimited(15, b"\x0a\x02\x08\x01")
    scope = delimited(2, metric.SerializeToString()) + delimited(2, later)
    body = delimited(1, delimited(2, scope))
    quick, complete = both_ways(body)
    assert quick == complete
    assert len(quick[0]) == len(quick[1]) == 1


def test_many_points_of_a_series() -> None:
    """Runs of points that differ in their numbers alone are read exactly, where they end too."""
    rnd = random.Random(1)
    for size in (1, 7, 8, 50, 300):
        values = [rnd.choice([rnd.random(), math.nan, -0.0, math.inf]) for _ in range(size)]
        plain = [
            point(NOW + n * SECOND, value, {"rank": n // 40}) for n, value in enumerate(values)
        ]
        stepped = [
            point(
                each.time_unix_nano,
                value,
                {"a": "b"},
                [exemplar(each.time_unix_nano, value, step=n * 3, seq=n + 100)],
            )
            for n, (each, value) in enumerate(zip(plain, values, strict=True))
        ]
        started = [point(NOW + n, n, start_time_unix_nano=NOW - 5) for n in range(size)]
        body = request(
            gauge("plain", *plain), gauge("stepped", *stepped), counter("sum", *started)
        ).SerializeToString()
        quick, complete = both_ways(body)
        assert quick == complete

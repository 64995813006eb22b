"""Requests cut and joined to fit a limit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from otel_trackio_collector.splitting import packets, split
from tests.collector.made import every_point, gauge, merged, requests


@given(requests(), st.integers(1, 2_000))
def test_parts_hold_what_the_whole_held(body: bytes, limit: int) -> None:
    """The union of the parts is the whole: each point once, with all that surrounds it."""
    assert every_point(merged(*split(body, limit))) == every_point(body)


@given(requests(), st.integers(1, 2_000))
def test_only_a_single_point_passes_the_limit(body: bytes, limit: int) -> None:
    """A part above the limit holds one point, or none: it cannot be cut further."""
    assert all(len(every_point(part)) <= 1 for part in split(body, limit) if len(part) > limit)


@given(st.lists(requests(), max_size=5), st.integers(1, 2_000))
def test_packets_hold_all_requests(bodies: list[bytes], limit: int) -> None:
    """Joined and split at once, nothing is lost and nothing is there twice."""
    sent = list(packets(bodies, limit))
    assert every_point(merged(*sent)) == every_point(merged(*bodies))
    assert all(len(every_point(part)) <= 1 for part in sent if len(part) > limit)


def test_a_request_that_fits_is_sent_as_it_came() -> None:
    """Byte for byte, and two that fit go as one message, in their order."""
    one, two = gauge("loss", [1.0]), gauge("loss", [2.0])
    assert list(packets([one, two], 1_000)) == [one + two]


def test_fields_of_another_wire_type_are_left_as_they_are() -> None:
    """To protobuf a number where a message belongs is a field unknown: so is it here."""
    body = gauge("loss", range(1_000))
    number = b"\x08\x07"  # Field 1, 7 as a varint.
    parts = split(number + body, len(body) // 10)
    assert every_point(merged(*parts)) == every_point(body)
    assert all(part.startswith(number) for part in parts)


def test_points_are_dealt_out_evenly_enough() -> None:
    """A request ten times the limit takes little more than ten messages."""
    body = gauge("loss", range(10_000))
    limit = len(body) // 10
    parts = split(body, limit)
    assert len(parts) <= 12
    assert max(map(len, parts)) <= limit

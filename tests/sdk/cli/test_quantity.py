"""Times, sizes, numbers and names, as people read them."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_trackio.cli.quantity import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    age,
    count,
    duration,
    exact,
    local,
    rounded,
    size,
    utc,
    visible,
)

NOW = 1_790_000_000 * SECOND


@pytest.mark.parametrize(
    ("past", "text"),
    [
        (-5 * SECOND, "just now"),
        (0, "just now"),
        (SECOND, "1 s ago"),
        (59 * SECOND, "59 s ago"),
        (MINUTE, "1 min ago"),
        (3 * HOUR + 59 * MINUTE, "3 h ago"),
        (DAY, "1 day ago"),
        (29 * DAY, "29 days ago"),
        (30 * DAY, local(NOW - 30 * DAY)[:10]),
    ],
)
def test_ages_have_one_unit_and_old_ones_a_date(past: int, text: str) -> None:
    """What lies ahead, because a clock was set, is now."""
    assert age(NOW - past, NOW) == text


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (-1, "0.0 s"),
        (1_250_000_000, "1.2 s"),
        (10 * SECOND, "10 s"),
        (61 * SECOND, "1 min 1 s"),
        (HOUR + 59 * SECOND, "1 h 0 min"),
        (26 * HOUR, "1 d 2 h"),
    ],
)
def test_lengths_of_time_have_two_units(length: int, text: str) -> None:
    """None is negative."""
    assert duration(length) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (12_345_678, "12.3 MB")],
)
def test_sizes_have_a_unit(number: int, text: str) -> None:
    """Powers of a thousand, as disks are sold."""
    assert size(number) == text
    assert size(3 * 10**15) == "3000.0 TB"


def test_counts_have_separators_and_plurals() -> None:
    """A thing is named as many as it is."""
    assert [count(n, "point") for n in (0, 1, 12345)] == ["0 points", "1 point", "12,345 points"]


@given(st.floats() | st.integers())
def test_exact_numbers_can_be_read_back(value: float | int) -> None:
    """From CSV as a Python number; NaN and infinities by their JSON names."""
    text = exact(value)
    if isinstance(value, int):
        assert int(text) == value
    else:
        read = json.loads(text)
        assert math.isnan(read) if math.isnan(value) else read == value
        assert math.copysign(1, read) == math.copysign(1, value) or math.isnan(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0.1 + 0.2, "0.3"),
        (1e-9 / 3, "3.33333e-10"),
        (123456789, "123456789"),
        (-(2**70), "-1.18059e+21"),
        (10**400, "1.00000e+400"),
        (math.inf, "Infinity"),
    ],
)
def test_numbers_at_a_glance_are_short(value: float | None, text: str) -> None:
    """Six digits of a float; integers whole, unless they are very long."""
    assert rounded(value) == text


def test_moments_are_told_to_the_microsecond() -> None:
    """In UTC, as RFC 3339 has it; nanoseconds are cut."""
    assert utc(1_500_000_000_123_456_789) == "2017-07-14T02:40:00.123456Z"
    assert utc(0) == "1970-01-01T00:00:00.000000Z"


@given(st.text())
def test_visible_text_is_one_line_without_controls(text: str) -> None:
    """Whatever a name holds, a terminal obeys none of it."""
    shown = visible(text)
    assert len(shown.splitlines()) <= 1
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)


def test_visible_text_keeps_what_people_write() -> None:
    """Letters of every script, spaces and emoji stay as they are."""
    for text in ("Größe", "学习率　一", "👩‍🔬 run", "क्‍ष"):
        assert visible(text) == text
    assert visible("a\tb\x1b[0m\u202ec") == r"a\tb\x1b[0m\u202ec"

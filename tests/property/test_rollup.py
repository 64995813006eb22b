"""Buckets hold what a slow reading of the points says they hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_trackio.chunk import column_of
from otel_trackio.errors import StoreError
from otel_trackio.model import NO_STEP
from otel_trackio.rollup import (
    STEP_WIDTHS,
    TIME_WIDTHS,
    WORTHWHILE,
    Buckets,
    bucketize,
    coarsen,
    decode,
    encode,
    merge,
    pyramid,
    renumbered,
    width_for,
    winners,
)

Point = tuple[int, float]

INT64 = st.integers(-(2**63), 2**63 - 1)
VALUES = st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf])
POINTS = st.lists(st.tuples(st.integers(-40, 40) | INT64, VALUES))
WIDTHS = st.sampled_from([0, 1, 2, 16, 4096, 2**62, 2**63])
COLUMNS = [field.name for field in fields(Buckets)][1:]


def buckets_of(points: Sequence[Point], width: int, first_seq: int = 0) -> Buckets:
    position = np.array([at for at, _ in points], dtype=np.int64)
    seq = np.arange(first_seq, first_seq + len(points))
    return bucketize(position, column_of([value for _, value in points]), seq, width)


def slowly(points: Sequence[Point], width: int) -> list[tuple[float, ...]]:
    """A row a bucket, made by plain Python."""
    held: dict[int, list[tuple[int, float]]] = {}
    for seq, (position, value) in enumerate(points):
        held.setdefault(position // width if width else 0, []).append((seq, value))
    return [row(index, held[index]) for index in sorted(held)]


def row(index: int, points: list[tuple[int, float]]) -> tuple[float, ...]:
    values = [value for _, value in points]
    finite = [value for value in values if math.isfinite(value)]
    counts = (sum(map(math.isnan, values)), values.count(math.inf), values.count(-math.inf))
    extent = (min(finite, default=math.nan), max(finite, default=math.nan), math.fsum(finite))
    last_seq, last = points[-1]
    return (index, len(points), *counts, last_seq, *extent, last)


def assert_buckets(buckets: Buckets, points: Sequence[Point], width: int) -> None:
    expected = slowly(points, width)
    assert (buckets.width, len(buckets)) == (width, len(expected))
    for name, column in zip(COLUMNS, zip(*expected, strict=True), strict=False):
        tolerance = 1e-6 if name == "sum" else 0
        np.testing.assert_allclose(getattr(buckets, name), column, rtol=0, atol=tolerance)


def assert_equal(one: Buckets, other: Buckets) -> None:
    assert one.width == other.width
    for name in COLUMNS:
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()


@given(POINTS, WIDTHS)
def test_buckets_are_exact(points: list[Point], width: int) -> None:
    """Every column is right at every width, wherever the positions go back or repeat."""
    assert_buckets(buckets_of(points, width), points, width)


@given(POINTS, st.lists(WIDTHS.filter(bool)))
def test_wide_buckets_are_made_of_narrow_ones(points: list[Point], widths: list[int]) -> None:
    """By way of any widths the result is that of the points, up to the whole."""
    buckets = buckets_of(points, 1)
    for width in [*sorted(widths), 0]:
        buckets = coarsen(buckets, width)
        assert_buckets(buckets, points, width)


@given(st.lists(POINTS, min_size=1), WIDTHS, WIDTHS)
def test_parts_make_the_whole(parts: list[list[Point]], width: int, wider: int) -> None:
    """However the points of a writer are split, their buckets merge to those of all."""
    points: list[Point] = []
    buckets = []
    for part in parts:
        buckets.append(buckets_of(part, width, first_seq=len(points)))
        points += part
    assert_buckets(merge(buckets), points, width)
    if wider > width > 0:
        assert_buckets(coarsen(merge(buckets), wider), points, wider)


def test_the_highest_number_has_the_last_value() -> None:
    """Whatever the order of the parts; those of a later writer are numbered beyond all before."""
    early, late = buckets_of([(1, 2.0)], 16), buckets_of([(0, 1.0)], 16, first_seq=99)
    assert merge([late, early]).last.tolist() == [1.0]
    assert merge([late, renumbered(early, 1000)]).last.tolist() == [2.0]


def test_nothing_makes_no_buckets() -> None:
    """No parts and no points are no error."""
    empty = buckets_of([], 16)
    assert len(merge([])) == len(merge([empty, empty])) == len(coarsen(empty, 0)) == 0
    assert pyramid(empty.index, empty.last, empty.last_seq, STEP_WIDTHS) == []


@given(st.lists(st.integers(0, 9) | st.just(NO_STEP) | INT64))
def test_the_last_of_each_step_wins(steps: list[int]) -> None:
    """A step is held by its last point; points without a step do not compete."""
    last = {step: at for at, step in enumerate(steps)}
    expected = [at for at, step in enumerate(steps) if step == NO_STEP or last[step] == at]
    assert winners(np.array(steps, dtype=np.int64)).tolist() == expected


@pytest.mark.parametrize(("widths", "rate"), [(STEP_WIDTHS, 1), (TIME_WIDTHS, 10**8)])
def test_a_spike_among_a_million_is_seen_at_every_zoom(widths: Sequence[int], rate: int) -> None:
    """Each level holds every point and shows the one that stands out, where it is."""
    n, spike = 1_000_000, 654_321
    position = np.arange(n) * rate
    value = np.random.default_rng(0).normal(size=n)
    value[spike] = 1e6
    levels = pyramid(position, value, np.arange(n), widths)
    rows = [n, *map(len, levels[:-1])]
    assert all(WORTHWHILE * coarse <= fine for fine, coarse in pairwise(rows))
    assert levels[-1].width == 0
    for level in levels:
        top = level.index[level.max.argmax()]
        assert (level.max.max(), int(level.count.sum())) == (1e6, n)
        assert top == (position[spike] // level.width if level.width else 0)


@pytest.mark.parametrize(
    ("apart", "widths"), [(2, [16, 256, 4096, 0]), (3, [64, 1024, 0]), (99, [1024, 16384, 0])]
)
def test_a_level_that_saves_little_is_not_kept(apart: int, widths: list[int]) -> None:
    """A level has at most an eighth of the rows of the finer one, which may be the points."""
    at = np.arange(1000) * apart
    levels = pyramid(at, at, at, STEP_WIDTHS)
    assert [level.width for level in levels] == widths


@given(INT64, INT64, st.integers(2, 5000), st.sampled_from([1, 16, 2**30]))
def test_a_view_gets_as_many_buckets_as_it_asks(
    one: int, other: int, max_points: int, finest: int
) -> None:
    """The width is the finest that does: the range fits, and at half the width it would not."""
    lo, hi = sorted((one, other))
    width = width_for(lo, hi, max_points, finest)
    assert width >= finest
    assert width.bit_count() == 1
    assert hi // width - lo // width + 1 <= max_points
    half = width // 2
    assert half < finest or hi // half - lo // half + 1 > max_points


def test_a_range_across_zero_is_two_buckets() -> None:
    """Fewer than two cannot be had there."""
    assert width_for(-1, 0, max_points=1) == 1


@given(POINTS, WIDTHS)
def test_encoded_buckets_come_back(points: list[Point], width: int) -> None:
    """Every bit of every column returns."""
    buckets = buckets_of(points, width)
    assert_equal(decode(encode(buckets)), buckets)


@given(POINTS, st.data())
def test_buckets_cut_short_are_refused(points: list[Point], data: st.DataObject) -> None:
    """A blob that ends early is an error, never other buckets."""
    encoded = encode(buckets_of(points, 16))
    with pytest.raises(StoreError):
        decode(encoded[: data.draw(st.integers(0, len(encoded) - 1))])


def test_noise_takes_few_bytes() -> None:
    """Buckets of random numbers, which nothing compresses, take less than 40 bytes each."""
    value = np.random.default_rng(0).normal(size=65536)
    buckets = bucketize(np.arange(65536), value, np.arange(65536), 16)
    assert len(encode(buckets)) < 40 * len(buckets)


def test_numbers_beyond_float64_are_bucketed() -> None:
    """An integer too large counts as infinite; a sum that overflows is infinite, no warning."""
    buckets = buckets_of([(0, 10**400), (1, 1e308), (2, 1e308)], 16)
    assert (buckets.pos_inf.tolist(), buckets.sum.tolist()) == ([1], [math.inf])


@pytest.mark.parametrize(("width", "wider"), [(16, 8), (16, 48), (0, 16)])
def test_widths_that_do_not_nest_are_refused(width: int, wider: int) -> None:
    """Buckets become wider, by a power of two, or they stay what they are."""
    with pytest.raises(ValueError, match=f"cannot coarsen buckets of width {width} to {wider}"):
        coarsen(buckets_of([(0, 1.0)], width), wider)


def test_different_widths_do_not_merge() -> None:
    """Parts must agree on what a bucket is."""
    with pytest.raises(ValueError, match=r"cannot merge buckets of widths \[16, 256\]"):
        merge([buckets_of([], 16), buckets_of([], 256)])

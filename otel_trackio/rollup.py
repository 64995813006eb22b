"""Buckets: what a chart needs of many points, at a width of steps or of nanoseconds.

Widths are powers of two, so that buckets of different runs align and wide ones are made of
narrow ones. Width 0 stands for everything: one bucket of index 0.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otel_trackio import chunk
from otel_trackio.chunk import Floats
from otel_trackio.errors import StoreError
from otel_trackio.model import NO_STEP, Ints, Values

STEP_WIDTHS: Final = tuple(4**level for level in range(1, 32))
TIME_WIDTHS: Final = tuple(4**level for level in range(10, 32))
"""Nanoseconds: about 1, 4, 17, 67 ms, ..., 1, 4, 17 s, ..., 1, 5, 20 h, ..."""

WORTHWHILE: Final = 8
"""Rows of the finer level that a stored level has one for, at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """Bucket i holds the points from index[i] * width on and before (index[i] + 1) * width.

    `index` strictly increases; no bucket is empty. `count` is of all points; `nan`, `pos_inf` and
    `neg_inf` of those that are not finite. `min`, `max` and `sum` are of the finite ones: NaN, NaN
    and 0 where there are none. `last` is the value of the last point in winning order, whatever
    it is, and `last_seq` that point's seq. Integers are rounded to float64.
    """

    width: int
    index: Ints
    count: Ints
    nan: Ints
    pos_inf: Ints
    neg_inf: Ints
    last_seq: Ints
    min: Floats
    max: Floats
    sum: Floats
    last: Floats

    def __len__(self) -> int:
        return len(self.index)


_INTS: Final = ("index", "count", "nan", "pos_inf", "neg_inf", "last_seq")
_FLOATS: Final = ("min", "max", "sum", "last")
_HEADER: Final = struct.Struct("<QII")


def winners(step: Ints) -> Ints:
    """The positions that count, ascending: the last of each step, and all that have no step.

    The points are in winning order: where steps repeat, the later point wins.
    """
    if np.all(step[1:] > step[:-1]):
        return np.arange(len(step))
    order = np.argsort(step, kind="stable")
    ordered = step[order]
    wins = np.append(ordered[1:] != ordered[:-1], True) | (ordered == NO_STEP)
    return np.sort(order[wins])


def bucketize(position: Ints, value: Values, seq: Ints, width: int) -> Buckets:
    """Buckets of points in winning order; `position` is their step or time and may go back.

    `seq` ascends: the points' own where all are of one writer, else any numbers that do.
    """
    return coarsen(_points(position, value, seq), width)


def coarsen(buckets: Buckets, width: int) -> Buckets:
    """Wider buckets; of those that become one the highest `last_seq` has the last value."""
    return _combine(buckets, _index(buckets, width), buckets.last_seq, width)


def merge(parts: Sequence[Buckets]) -> Buckets:
    """Buckets of one width as one; where parts share a bucket the highest `last_seq` has the last.

    Those of different writers compare once they are `renumbered`.
    """
    if not parts:
        return _points(*np.empty((3, 0), dtype=np.int64))
    if len(parts) == 1:
        return parts[0]
    widths = {part.width for part in parts}
    if len(widths) > 1:
        raise ValueError(f"cannot merge buckets of widths {sorted(widths)}; coarsen them first")
    columns = zip(*(_columns(part, _INTS + _FLOATS) for part in parts), strict=True)
    rows = Buckets(parts[0].width, *map(np.concatenate, columns))
    return _combine(rows, rows.index, rows.last_seq, rows.width)


def renumbered(buckets: Buckets, offset: int) -> Buckets:
    """The same buckets, their seqs raised by `offset`."""
    return replace(buckets, last_seq=buckets.last_seq + offset)


def selected(buckets: Buckets, kept: NDArray[np.bool_]) -> Buckets:
    """Some of the buckets."""
    columns = (column[kept] for column in _columns(buckets, _INTS + _FLOATS))
    return Buckets(buckets.width, *columns)


def numbers(buckets: Buckets | None) -> int:
    """How many numbers they hold."""
    return 0 if buckets is None else len(buckets) * len(_INTS + _FLOATS)


def pyramid(position: Ints, value: Values, seq: Ints, widths: Sequence[int]) -> list[Buckets]:
    """The levels worth storing of points in winning order, finest first; the whole is the last.

    Of `widths`, ascending, a level is kept if it has at most one row for WORTHWHILE of the one
    before it, the points being the first. No points have no levels.
    """
    levels = [_points(position, value, seq)]
    for width in widths:
        if len(levels[-1]) < WORTHWHILE:
            break
        if WORTHWHILE * _rows(levels[-1], width) <= len(levels[-1]):
            levels.append(coarsen(levels[-1], width))
    return [*levels[1:], coarsen(levels[-1], 0)] if len(position) else []


def _rows(buckets: Buckets, width: int) -> int:
    """How many buckets of `width` they would make."""
    index = _index(buckets, width)
    if np.all(index[1:] >= index[:-1]):
        return 1 + int(np.count_nonzero(index[1:] != index[:-1]))
    return len(np.unique(index))


def width_for(lo: int, hi: int, max_points: int, finest: int = 1) -> int:
    """The smallest power of two, from `finest` on, that makes at most max_points buckets of lo..hi.

    A range across 0 always has two, so fewer than 2 are taken as 2.
    """
    width = finest
    while hi // width - lo // width >= max(max_points, 2):
        width *= 2
    return width


def encode(buckets: Buckets) -> bytes:
    """Header, integers, floats: what decode reads.

    The header is little-endian: width u64, number n of buckets u32, bytes of the integers u32.
    The integers are one i8 column of 6 n values: index, count, nan, pos_inf, neg_inf, last_seq;
    the floats one f8 column of 4 n values: min, max, sum, last (forms as in chunk.py).
    """
    integers = chunk.encode_ints(np.concatenate(_columns(buckets, _INTS)))
    floats = chunk.encode_floats(np.concatenate(_columns(buckets, _FLOATS)))
    return _HEADER.pack(buckets.width, len(buckets), len(integers)) + integers + floats


def decode(data: bytes) -> Buckets:
    """The buckets given to encode. Raises StoreError where the bytes are no such buckets."""
    if len(data) < _HEADER.size:
        raise StoreError(f"cannot decode buckets: {len(data)} bytes hold no header", chunk.DAMAGED)
    width, n, size = _HEADER.unpack_from(data)
    body = data[_HEADER.size :]
    integers = chunk.decode_ints(body[:size], len(_INTS) * n).reshape(len(_INTS), n)
    floats = chunk.decode_floats(body[size:], len(_FLOATS) * n).reshape(len(_FLOATS), n)
    return Buckets(width, *integers, *floats)


def _points(position: Ints, value: Values, seq: Ints) -> Buckets:
    """Each point as a bucket of width 1, in the order given."""
    number = chunk.floats_of(value)
    finite = np.isfinite(number)
    finite_or_nan = np.where(finite, number, np.nan)
    return Buckets(
        width=1,
        index=position,
        count=np.ones(len(number), dtype=np.int64),
        nan=np.isnan(number).astype(np.int64),
        pos_inf=(number == np.inf).astype(np.int64),
        neg_inf=(number == -np.inf).astype(np.int64),
        last_seq=seq,
        min=finite_or_nan,
        max=finite_or_nan,
        sum=np.where(finite, number, 0.0),
        last=number,
    )


def _columns(buckets: Buckets, names: tuple[str, ...]) -> list[NDArray[Any]]:
    return [getattr(buckets, name) for name in names]


def _index(buckets: Buckets, width: int) -> Ints:
    if width == 0:
        return np.zeros_like(buckets.index)
    if not 0 < buckets.width <= width or width.bit_count() != 1:
        raise ValueError(f"cannot coarsen buckets of width {buckets.width} to {width}")
    return buckets.index >> (width.bit_length() - buckets.width.bit_length())


def _combine(rows: Buckets, index: Ints, rank: Ints, width: int) -> Buckets:
    """Rows of equal index as one; the row of the highest rank has the last value."""
    order = _order(index, rank)
    index = index[order]
    first = np.flatnonzero(np.diff(index, prepend=index[:1] - 1))
    final = np.flatnonzero(np.diff(index, append=index[-1:] + 1))
    with np.errstate(over="ignore", invalid="ignore"):  # a sum may leave float64's range
        total = np.add.reduceat(rows.sum[order], first)
    return Buckets(
        width,
        index[first],
        np.add.reduceat(rows.count[order], first),
        np.add.reduceat(rows.nan[order], first),
        np.add.reduceat(rows.pos_inf[order], first),
        np.add.reduceat(rows.neg_inf[order], first),
        rows.last_seq[order][final],
        np.fmin.reduceat(rows.min[order], first),
        np.fmax.reduceat(rows.max[order], first),
        total,
        rows.last[order][final],
    )


def _order(index: Ints, rank: Ints) -> slice | Ints:
    """By index, then rank: an all-taking slice (no copies) where it is so already."""
    ordered = np.all(index[1:] >= index[:-1]) and np.all(rank[1:] >= rank[:-1])
    return slice(None) if ordered else np.lexsort((rank, index))

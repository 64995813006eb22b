"""Pieces of a metric: its points as they lie in run files, and the buckets that they make.

Where a chunk's steps are its own its stored rollups serve; where pieces share steps, points of one
may outdo the other's, and only the points themselves tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, TypeAlias

import numpy as np

from otel_trackio import rollup
from otel_trackio.fold import STEP_AXIS, end_to_end, interleaved, totals
from otel_trackio.history import Part, taken, winning
from otel_trackio.model import NO_STEP, Columns, Ints, Points
from otel_trackio.reader import Chunk
from otel_trackio.rollup import Buckets
from otel_trackio.source import Found, Source, totalled

APART: Final = 2**44
"""How far apart the numbers of different writers are set, so that they compare."""

Span: TypeAlias = tuple[int, int]
"""The least and the greatest step, or time in ns; both belong to it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive points of one series of a writer: a chunk, or what is in none yet.

    `steps` and `times` are the least and greatest it holds; `steps` is None where it has none.
    With `increments` its values are those of a counter; with a `base` they are shown as running
    totals from there on, as stored rollups are.
    """

    source: Source
    increments: bool
    stored: Chunk | Columns
    steps: Span | None
    times: Span
    base: float | int | None = None

    def __len__(self) -> int:
        return self.stored.count if isinstance(self.stored, Chunk) else len(self.stored)

    def points(self) -> Points:
        if self.base is None and isinstance(self.stored, Chunk):
            return self.source.reader.chunk_points(self.stored)
        return self.columns().points

    def columns(self) -> Columns:
        """Its points with their numbers, which take time to decode."""
        columns = self.stored
        if isinstance(columns, Chunk):
            columns = self.source.reader.chunk(columns)
        return columns if self.base is None else totalled(columns, self.base)

    def rollup(self, axis: str, width: int) -> Buckets | None:
        """The widest buckets stored with it that are no wider than `width`, if there are any."""
        if self.increments or not isinstance(self.stored, Chunk):
            return None
        return self.source.reader.rollup(self.stored, axis, width)

    def span(self, axis: str) -> Span | None:
        return self.steps if axis == STEP_AXIS else self.times


def pieces_of(found: Sequence[Found]) -> list[Piece]:
    """The pieces of a metric of one rank, in the order (attempt, writer, series, seq).

    Counters of a single attempt are running totals already, and so are those that share their
    key with another series; else each attempt goes on from where the one before stood, which only
    the points tell.
    """
    single = len({each.source.meta["attempt"] for each in found}) == 1
    shared = len({id(each.source) for each in found}) < len(found)
    pieces = (piece for each in found for piece in _series_pieces(each, single or shared))
    return list(pieces)


def _series_pieces(found: Found, alone: bool) -> Iterator[Piece]:
    source, counts = found.source, found.series.increments
    total: float | int | None = 0 if counts and alone else None
    chunks, loose = source.reader.chunks(found.id), source.reader.unfolded(found.id)
    for each in chunks:
        steps = None if each.min_step is None else (each.min_step, each.max_step or 0)
        base = each.base if total is not None else None
        times = (each.min_time, each.max_time)
        yield Piece(source, counts and base is None, each, steps, times, base)
    if loose is not None:
        if total is not None and chunks:
            total = _total_after(source, chunks[-1])
        yield _loose_piece(source, counts and total is None, loose, total)


def _total_after(source: Source, chunk: Chunk) -> float | int:
    """A counter's total after a chunk of it."""
    increments = source.reader.chunk_points(chunk).value
    last: float | int = totals(chunk.base or 0, increments).tolist()[-1]
    return last


def _loose_piece(
    source: Source, increments: bool, loose: Columns, base: float | int | None
) -> Piece:
    points = loose.points
    stepped = points.step[points.step != NO_STEP]
    steps = (int(stepped.min()), int(stepped.max())) if len(stepped) else None
    times = (int(points.time.min()), int(points.time.max()))
    return Piece(source, increments, loose, steps, times, base)


def whole(spans: Iterable[Span | None]) -> Span | None:
    """The least span that holds all of them."""
    known = [span for span in spans if span is not None]
    return (min(lo for lo, _ in known), max(hi for _, hi in known)) if known else None


def counting(pieces: Sequence[Piece]) -> tuple[Points, Ints]:
    """The points that count, in the order (attempt, writer, seq), and where they stood before."""
    return winning([_part(group) for group in _by_writer(pieces)])


def _by_writer(pieces: Sequence[Piece]) -> list[list[Piece]]:
    return [list(group) for _, group in groupby(pieces, lambda piece: id(piece.source))]


def _part(pieces: Sequence[Piece]) -> Part:
    first = pieces[0]
    if len({piece.stored.series for piece in pieces}) > 1:
        points = interleaved([piece.columns() for piece in pieces]).points
    else:
        points = end_to_end([piece.points() for piece in pieces])
    return Part(first.source.meta["attempt"], 0, points, first.increments)


def latest(pieces: Sequence[Piece]) -> Points:
    """Some of the points, of which the last is the last of all, by (attempt, writer, seq)."""
    last = pieces[-1]
    of_writer = {piece.stored.series for piece in pieces if piece.source is last.source}
    return counting(pieces)[0] if last.increments or len(of_writer) > 1 else last.points()


def bucketed(pieces: Sequence[Piece], axis: str, width: int, shown: Span | None = None) -> Buckets:
    """Buckets of the points that count: those that `shown` touches, or all.

    `pieces` are of one rank, in the order (attempt, writer, seq).
    """
    parts = []
    wanted = None if shown is None else _covered(shown, width)
    first = {id(group[0].source): n * APART for n, group in enumerate(_by_writer(pieces))}
    for group in _groups(pieces):
        span = whole(piece.span(axis) for piece in group)
        if span is not None and (wanted is None or _meet(span, wanted)):
            stored = group[0].rollup(axis, width) if len(group) == 1 else None
            if stored is None:
                parts.append(_recomputed(group, axis, width, wanted, first))
            else:
                coarse = rollup.coarsen(_within(stored, wanted), width)
                parts.append(rollup.renumbered(coarse, first[id(group[0].source)]))
    return rollup.merge(parts)


def _covered(shown: Span, width: int) -> Span:
    """What the buckets that `shown` touches hold."""
    lo, hi = shown
    return lo - lo % width, hi - hi % width + width - 1


def _meet(span: Span, other: Span) -> bool:
    return span[0] <= other[1] and span[1] >= other[0]


def _within(stored: Buckets, wanted: Span | None) -> Buckets:
    if wanted is None:
        return stored
    lo, hi = wanted
    inside = (stored.index >= lo // stored.width) & (stored.index <= hi // stored.width)
    return rollup.selected(stored, inside)


def _recomputed(
    group: Sequence[Piece], axis: str, width: int, wanted: Span | None, first: Mapping[int, int]
) -> Buckets:
    points, kept = counting(group)
    by_writer = [_numbers(own) + first[id(own[0].source)] for own in _by_writer(group)]
    numbers = np.concatenate(by_writer)[kept]
    inside = points.step != NO_STEP if axis == STEP_AXIS else np.ones(len(points), dtype=bool)
    if wanted is not None:
        position = _position(points, axis)
        inside &= (position >= wanted[0]) & (position <= wanted[1])
    if not inside.all():
        points, numbers = taken(points, inside), numbers[inside]
    return rollup.bucketize(_position(points, axis), points.value, numbers, width)


def _numbers(pieces: Sequence[Piece]) -> Ints:
    """The numbers of one writer's points, in the order of its part."""
    return np.sort(np.concatenate([piece.columns().seq for piece in pieces]))


def _position(points: Points, axis: str) -> Ints:
    return points.step if axis == STEP_AXIS else points.time


def _groups(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Pieces that share steps together; increments add up over all pieces."""
    if any(piece.increments for piece in pieces):
        return [list(pieces)]
    order = {id(piece): place for place, piece in enumerate(pieces)}
    groups: list[list[Piece]] = [[piece] for piece in pieces if piece.steps is None]
    end: int | None = None
    for piece in sorted(
        (p for p in pieces if p.steps is not None), key=lambda p: p.steps or (0, 0)
    ):
        lo, hi = piece.steps or (0, 0)
        if end is None or lo > end:
            groups.append([])
        groups[-1].append(piece)
        end = hi if end is None else max(end, hi)
    for group in groups:
        group.sort(key=lambda piece: order[id(piece)])
    return groups

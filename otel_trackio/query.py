"""Charts' data: aligned buckets of many runs and metrics at once, from rollups where they serve."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal, TypeAlias

import numpy as np

from otel_trackio import rollup
from otel_trackio.fold import STEP_AXIS, joined
from otel_trackio.history import Part, taken, winning
from otel_trackio.model import NO_STEP, Columns
from otel_trackio.reader import Chunk
from otel_trackio.rollup import Buckets
from otel_trackio.storedrun import Found, Source, StoredRun, series_by_key

Axis = Literal["step", "time"]
Span: TypeAlias = tuple[int, int]
"""The least and the greatest step, or time in ns; both belong to it."""

MAX_POINTS: Final = 1000
"""Buckets a curve has at most, unless asked otherwise."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One metric of one rank of a run, in buckets that align with those of the other curves."""

    run: str
    key: str
    rank: int
    axis: Axis
    buckets: Buckets


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive points of one writer: a chunk, or what is in none yet.

    `steps` and `times` are the least and greatest it holds; `steps` is None where it has none.
    """

    source: Source
    delta: bool
    chunk: Chunk | None
    loose: Columns | None
    steps: Span | None
    times: Span

    def columns(self) -> Columns:
        columns = self.loose if self.chunk is None else self.source.reader.chunk(self.chunk)
        assert columns is not None
        return columns

    def span(self, axis: Axis) -> Span | None:
        return self.steps if axis == STEP_AXIS else self.times


def query(
    runs: Sequence[StoredRun],
    keys: Sequence[str],
    axis: Axis = "step",
    span: Span | None = None,
    max_points: int = MAX_POINTS,
    rank: int | None = None,
) -> list[Curve]:
    """Curves of every run that has the key, at most `max_points` buckets each, all aligned.

    The buckets' width is the smallest power of two (of steps, or of ns for the axis "time") that
    shows `span`, inclusive, or else everything there is. `rank` None is the lowest that has the
    key. Points count as in `history`.
    """
    with ExitStack() as stack:
        found = [
            (run, key, chosen, pieces)
            for run in runs
            for key, chosen, pieces in _pieces(stack.enter_context(run.sources()), keys, rank)
        ]
        shown = span or _whole([piece.span(axis) for *_, pieces in found for piece in pieces])
        if shown is None:
            return []
        width = rollup.width_for(*shown, max_points)
        curves = [
            Curve(run.id, key, chosen, axis, _buckets(pieces, axis, shown, width))
            for run, key, chosen, pieces in found
        ]
    return [curve for curve in curves if len(curve.buckets)]


def _whole(spans: Iterable[Span | None]) -> Span | None:
    known = [span for span in spans if span is not None]
    return (min(lo for lo, _ in known), max(hi for _, hi in known)) if known else None


def _pieces(
    sources: Sequence[Source], keys: Sequence[str], rank: int | None
) -> Iterator[tuple[str, int, list[Piece]]]:
    """The pieces of each key, those of the chosen rank, in the order (attempt, writer, seq)."""
    known = series_by_key(sources)
    for key in dict.fromkeys(keys):
        by_rank: dict[int, list[Piece]] = {}
        for each in known.get(key, ()):
            by_rank.setdefault(each.series.rank, []).extend(_series_pieces(each))
        ranks = {each for each, pieces in by_rank.items() if pieces}
        if rank in ranks or (rank is None and ranks):
            chosen = min(ranks) if rank is None else rank
            yield key, chosen, by_rank[chosen]


def _series_pieces(found: Found) -> Iterator[Piece]:
    source, delta = found.source, found.series.increments
    for each in source.reader.chunks(found.id):
        steps = None if each.min_step is None else (each.min_step, each.max_step or 0)
        yield Piece(source, delta, each, None, steps, (each.min_time, each.max_time))
    loose = source.reader.unfolded(found.id)
    if loose is not None:
        stepped = loose.points.step[loose.points.step != NO_STEP]
        steps = (int(stepped.min()), int(stepped.max())) if len(stepped) else None
        times = (int(loose.points.time.min()), int(loose.points.time.max()))
        yield Piece(source, delta, None, loose, steps, times)


def _buckets(pieces: Sequence[Piece], axis: Axis, shown: Span, width: int) -> Buckets:
    parts = []
    for group in _groups(pieces):
        span = _whole(piece.span(axis) for piece in group)
        if span is not None and span[0] <= shown[1] and span[1] >= shown[0]:
            parts.append(_rolled_up(group, axis, width) or _recomputed(group, axis, width))
    whole = rollup.merge(parts)
    kept = (whole.index >= shown[0] // width) & (whole.index <= shown[1] // width)
    return rollup.selected(whole, kept)


def _groups(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Pieces that share steps belong together: there, points of one may outdo the other's.

    Groups come in the order of their latest pieces. Increments add up over all pieces.
    """
    if any(piece.delta for piece in pieces):
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
    return sorted(groups, key=lambda group: order[id(group[-1])])


def _rolled_up(group: Sequence[Piece], axis: Axis, width: int) -> Buckets | None:
    """The stored buckets of a lone chunk, where some are narrow enough."""
    piece = group[0]
    if len(group) > 1 or piece.chunk is None or piece.delta:
        return None
    stored = piece.source.reader.rollup(piece.chunk, axis, width)
    return None if stored is None else rollup.coarsen(stored, width)


def _recomputed(group: Sequence[Piece], axis: Axis, width: int) -> Buckets:
    points = winning([_part(list(pieces)) for _, pieces in groupby(group, lambda p: p.source)])
    if axis == STEP_AXIS:
        points = taken(points, points.step != NO_STEP)
    position = points.step if axis == STEP_AXIS else points.time
    return rollup.bucketize(position, points.value, np.arange(len(points)), width)


def _part(pieces: Sequence[Piece]) -> Part:
    """The pieces of one writer as its part."""
    source, delta = pieces[0].source, pieces[0].delta
    return Part(source.meta["attempt"], 0, joined([each.columns() for each in pieces]), delta)

"""Charts' data: aligned buckets of many runs and metrics at once, from rollups where they serve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, Literal

from otel_trackio import rollup
from otel_trackio.piece import Piece, Span, bucketed, pieces_of, whole
from otel_trackio.rollup import Buckets
from otel_trackio.source import Source, series_by_key
from otel_trackio.storedrun import StoredRun

Axis = Literal["step", "time"]

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
        shown = span or whole([piece.span(axis) for *_, pieces in found for piece in pieces])
        if shown is None:
            return []
        width = rollup.width_for(*shown, max_points)
        curves = [
            Curve(run.id, key, chosen, axis, bucketed(pieces, axis, width, shown))
            for run, key, chosen, pieces in found
        ]
    return [curve for curve in curves if len(curve.buckets)]


def _pieces(
    sources: Sequence[Source], keys: Sequence[str], rank: int | None
) -> Iterator[tuple[str, int, list[Piece]]]:
    """The pieces of each key, those of the chosen rank, in the order (attempt, writer, seq)."""
    known = series_by_key(sources)
    for key in dict.fromkeys(keys):
        found = known.get(key, [])
        ranks = {each.series.rank for each in found}
        if rank in ranks or (rank is None and ranks):
            chosen = min(ranks) if rank is None else rank
            yield key, chosen, pieces_of([each for each in found if each.series.rank == chosen])

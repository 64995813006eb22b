"""The points of one metric, from all writers of a run, as columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from otel_trackio import chunk, rollup
from otel_trackio.fold import end_to_end, totals
from otel_trackio.model import NO_STEP, Ints, Points, Values

PICKS: Final = 5
"""Points that stand for a stretch of a thinned history: first, least, greatest, last, oddest."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What one writer has of a metric, in the order recorded; counters still as increments."""

    attempt: int
    rank: int
    points: Points
    delta: bool


class History(Mapping[str, NDArray[Any]]):
    """Columns of one length: `step` int64, `time` int64 ns since the epoch, `value` as recorded.

    Where points have no step, `step` is a masked array; with every rank asked for there is a
    `rank` column too. Works as a mapping of numpy arrays: `history["value"]`.
    """

    def __init__(self, columns: Mapping[str, NDArray[Any]]) -> None:
        self._columns = dict(columns)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return f"<History of {len(self['value'])} points: {', '.join(self)}>"


def winning(parts: Sequence[Part]) -> tuple[Points, Ints]:
    """The points of one rank that count, in the order (attempt, writer, seq).

    Also where they stood among all points of the parts.
    """
    points, _ = _shown(parts)
    kept = rollup.winners(points.step)
    return (points if len(kept) == len(points) else taken(points, kept)), kept


def merged(parts: Sequence[Part], every: bool = False) -> tuple[Points, Ints]:
    """One curve out of the parts of all writers, and the rank of each of its points.

    `parts` come in the order (attempt, writer). Where steps repeat within a rank, the last point
    in that order wins, unless `every` point is asked for. Winners are sorted by step; points
    without one follow in the order they were recorded.
    """
    shown = [_shown(rank_parts) for rank_parts in _by_rank(parts).values()]
    curves = [(points if every else _won(points), rank) for points, rank in shown]
    if not curves:
        empty = np.zeros(0, dtype=np.int64)
        return Points(empty, empty, np.zeros(0)), empty
    ranks = [np.full(len(points), rank, dtype=np.int64) for points, rank in curves]
    return end_to_end([points for points, _ in curves]), np.concatenate(ranks)


def _by_rank(parts: Sequence[Part]) -> dict[int, list[Part]]:
    found: dict[int, list[Part]] = {}
    for part in parts:
        found.setdefault(part.rank, []).append(part)
    return dict(sorted(found.items()))


def _shown(parts: Sequence[Part]) -> tuple[Points, int]:
    """The parts of one rank end to end, with increments added up to running totals."""
    pieces: list[Points] = []
    attempt, base = parts[0].attempt, 0
    for part in parts:
        points = part.points
        if part.delta:
            if part.attempt != attempt:
                attempt, base = part.attempt, _total_before(pieces, points.step)
            points = Points(points.step, points.time, totals(base, points.value))
        pieces.append(points)
    return end_to_end(pieces), parts[0].rank


def _total_before(pieces: Sequence[Points], step: Ints) -> Any:
    """Where a counter stood when a later attempt took up: at the last step before its first."""
    before = end_to_end(pieces)
    stepped = step[step != NO_STEP]
    if len(stepped):
        earlier = (before.step != NO_STEP) & (before.step < stepped[0])
        where = np.flatnonzero(earlier)
        before = taken(before, where)
    return before.value[-1:].tolist()[0] if len(before) else 0


def _won(points: Points) -> Points:
    kept = rollup.winners(points.step)
    step = points.step[kept]
    # Points without a step go last: as if theirs were beyond every other.
    order = np.argsort(np.where(step == NO_STEP, -(NO_STEP + 1), step), kind="stable")
    return taken(points, kept[order])


def taken(points: Points, where: NDArray[Any]) -> Points:
    """Some of the points, by position or mask."""
    return Points(points.step[where], points.time[where], points.value[where])


def thinned(points: Points, most: int) -> NDArray[np.int64]:
    """Positions of at most `most` points that keep the look of a curve: no spike is lost.

    Of each of equally long stretches the first, least, greatest and last point stay, and the
    first that is not finite.
    """
    if len(points) <= most:
        return np.arange(len(points), dtype=np.int64)
    stretches = max(1, most // PICKS)
    value = chunk.floats_of(points.value)
    edges = np.linspace(0, len(value), stretches + 1).astype(np.int64)
    starts = edges[:-1]
    finite = np.isfinite(value)
    picks = [starts, edges[1:] - 1]
    for stretch, stop in zip(starts.tolist(), edges[1:].tolist(), strict=True):
        piece, good = value[stretch:stop], finite[stretch:stop]
        if good.any():
            picks.append(
                stretch + np.array([_at(piece, good, np.argmin), _at(piece, good, np.argmax)])
            )
        if not good.all():
            picks.append(stretch + np.array([int(np.argmin(good))]))
    return np.unique(np.concatenate(picks))[:most]


def _at(piece: Values, good: NDArray[np.bool_], pick: Any) -> int:
    where = np.flatnonzero(good)
    return int(where[pick(piece[where])])


def history(parts: Sequence[Part], *, every: bool, ranks: bool, most: int | None) -> History:
    """The merged parts as columns; `ranks` adds theirs."""
    points, rank = merged(parts, every)
    if every or most is not None:
        # A copy: a reader keeps what it decoded, and users may change what they get.
        kept = thinned(points, len(points) if most is None else most)
        points, rank = taken(points, kept), rank[kept]
    missing = points.step == NO_STEP
    step = np.ma.masked_array(points.step, missing) if missing.any() else points.step
    columns: dict[str, NDArray[Any]] = {"step": step, "time": points.time, "value": points.value}
    return History({**columns, "rank": rank} if ranks else columns)

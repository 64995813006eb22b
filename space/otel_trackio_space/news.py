"""What of a run is new since it was looked at last, by how many points each series had.

Not by their numbers: those of points that are only in a journal yet are not final.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from otel_trackio.fold import end_to_end
from otel_trackio.history import taken
from otel_trackio.model import Points
from otel_trackio.source import Found, Source, series_by_key

Counts: TypeAlias = Mapping[str, Mapping[str, int]]
"""Points by writer, and by what tells its series apart."""

Wanted: TypeAlias = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class News:
    """Points of one metric and rank that are new, in the order recorded.

    With `increments` they are those of a counter, and say nothing alone.
    """

    key: str
    rank: int
    points: Points
    increments: bool


def counts(sources: Sequence[Source], wanted: Wanted) -> dict[str, dict[str, int]]:
    """How many points each series has of the metrics that are wanted; histograms have none."""
    found: dict[str, dict[str, int]] = {}
    for key, each in _series(sources, wanted):
        of_writer = found.setdefault(each.source.meta["writer"], {})
        of_writer[_name(key, each)] = _count(each)
    return found


def news(sources: Sequence[Source], seen: Counts, wanted: Wanted) -> Iterator[News]:
    """What came after `seen` of the metrics that are wanted. Reads little else."""
    ranks: dict[tuple[str, int], list[tuple[Found, Points]]] = {}
    for key, each in _series(sources, wanted):
        known = seen.get(each.source.meta["writer"], {}).get(_name(key, each), 0)
        if (fresh := _count(each) - known) > 0:
            points = _last(each, fresh)
            ranks.setdefault((key, each.series.rank), []).append((each, points))
    for (key, rank), found in ranks.items():
        increments = any(each.series.increments for each, _ in found)
        yield News(key, rank, end_to_end([points for _, points in found]), increments)


def _series(sources: Sequence[Source], wanted: Wanted) -> Iterator[tuple[str, Found]]:
    for key, found in series_by_key(sources).items():
        if wanted(key):
            yield from ((key, each) for each in found if each.series.kind != "histogram")


def _name(key: str, found: Found) -> str:
    """A key that `log()` and an instrument share is two series of a writer."""
    return f"{found.series.rank}/{found.series.scope}/{key}"


def _count(found: Found) -> int:
    loose = found.source.reader.unfolded(found.id)
    folded = sum(chunk.count for chunk in found.source.reader.chunks(found.id))
    return folded + (0 if loose is None else len(loose))


def _last(found: Found, amount: int) -> Points:
    """So many of its last points; of its chunks only the last ones are read."""
    reader = found.source.reader
    loose = reader.unfolded(found.id)
    parts = [] if loose is None else [loose.points]
    length = sum(map(len, parts))
    for chunk in reversed(reader.chunks(found.id)):
        if length >= amount:
            break
        parts.insert(0, reader.chunk_points(chunk))
        length += chunk.count
    points = end_to_end(parts)
    return taken(points, np.arange(max(0, len(points) - amount), len(points)))

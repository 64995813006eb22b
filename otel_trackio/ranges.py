"""Ranges of numbers that a writer has cut, and which of them are merged into one. Pure.

As in a log-structured merge tree, of 16 ranges of one level one of the next is made: a day of small
cuts leaves tens of files, and a number is written once a level.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import groupby
from typing import Final, TypeAlias

MERGED: Final = 16
"""Ranges of one level that make one of the next; fewer where more would be too large."""

MAX_NUMBERS: Final = 131_072
"""Numbers in a range at most, as many as a row group has: what bounds the memory of writing points.
"""

MAX_TEXT: Final = 2_000_000
"""Bytes of JSON under a range at most, unless one number has more: what bounds the memory of
writing events, histograms and records."""

ROW_BYTES: Final = 500
"""What each of these adds to that, however short it is: in memory it takes so much."""


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers `first` to `last`, both included; `text` is the bytes of JSON under them."""

    first: int
    last: int
    level: int = 0
    text: int = 0

    def holds(self, other: Range) -> bool:
        return self.first <= other.first and other.last <= self.last


Ranges: TypeAlias = tuple[Range, ...]
"""The newest of a writer, in order, no level above those before it. While ranges are merged, what
they become comes last."""


def with_cut(ranges: Ranges, cut: Range, many: int = MERGED) -> Ranges:
    """The ranges after one more was cut; what nothing will be merged with is forgotten."""
    ranges = (*ranges, cut)
    for run in _runs(ranges):
        if len(run) >= many and not _fits(_merged(run[:2])):
            ranges = ranges[ranges.index(run[0]) + 1 :]
    return ranges


def with_merge_begun(ranges: Ranges, many: int = MERGED) -> Ranges:
    """The ranges and what some of them are to become; the same where no level has so many."""
    for run in _runs(ranges):
        if len(run) >= many:
            for count in range(many, 1, -1):
                merged = _merged(run[:count])
                if _fits(merged):
                    return (*ranges, merged)
    return ranges


def being_merged(ranges: Ranges) -> Ranges:
    """Those that the last range is to replace; none where no merge has begun."""
    return tuple(each for each in ranges[:-1] if ranges[-1].holds(each))


def with_merge_done(ranges: Ranges) -> Ranges:
    """The last range in place of those that it replaces."""
    *others, merged = ranges
    kept = [each for each in others if not merged.holds(each)]
    return tuple(sorted([*kept, merged], key=lambda each: each.first))


def to_json(ranges: Ranges) -> str:
    return json.dumps([astuple(each) for each in ranges])


def from_json(text: str) -> Ranges:
    return tuple(Range(*each) for each in json.loads(text))


def _runs(ranges: Ranges) -> Iterator[Ranges]:
    return (tuple(run) for _, run in groupby(ranges, key=lambda each: each.level))


def _merged(parts: Sequence[Range]) -> Range:
    size = sum(each.text for each in parts)
    return Range(parts[0].first, parts[-1].last, parts[0].level + 1, size)


def _fits(range: Range) -> bool:
    return range.last - range.first < MAX_NUMBERS and range.text <= MAX_TEXT

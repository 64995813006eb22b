"""What of a run a remote has not got yet."""

from __future__ import annotations

from collections.abc import Iterable

from otel_trackio import place
from otel_trackio.remote import Entry


def numbers_behind(next_seq: int, cut: int, writer: str, waiting: Iterable[Entry]) -> int:
    """How many numbers (points, events, records) of a writer are on this machine alone.

    Those above `cut` are in its run file only; those in segments that wait are in an outbox.
    """
    ours = {
        (found.first, found.last)
        for entry in waiting
        if (found := place.place_of(entry.path)) and found.writer == place.encoded(writer)
    }
    covered: set[tuple[int, int]] = set()
    for first, last in sorted(ours, key=lambda each: (each[0], -each[1])):
        if not any(a <= first and last <= b for a, b in covered):
            covered.add((first, last))
    return next_seq - 1 - cut + sum(last - first + 1 for first, last in covered)

"""What is known to be missing of a run, as people read it: a short phrase each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

LOSSES: Final = ("dropped.", "skipped.")
"""How the counts begin that say that values are missing."""


def counted(counts: Mapping[str, int], lost: bool) -> Iterator[str]:
    """The counts of what was lost, or else of what was merely noticed."""
    for reason, amount in sorted(counts.items()):
        if amount and reason.startswith(LOSSES) == lost:
            yield f"{amount:,} {reason.replace('.', ': ').replace('_', ' ')}"


def complaints(counts: Mapping[str, int], torn: bool, damaged: int) -> list[str]:
    """What is missing of a run, `damaged` of whose files cannot be read."""
    found = list(counted(counts, lost=True))
    if torn:
        found.append("last record torn")
    if damaged:
        found.append(f"{damaged:,} file{'' if damaged == 1 else 's'} damaged")
    return found

"""What of a writer's segments is to be read from a remote, and what stands in the way. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TypeAlias

from otel_trackio.catalog import Span, cover
from otel_trackio.download import SEND_REST, Incomplete, Spot
from otel_trackio.errors import StoreError

Useless: TypeAlias = Mapping[frozenset[str], StoreError]
"""The files of spans that were read and are not what they say, and why."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The spans that are to be read, in their order, and why what follows them cannot be."""

    spans: tuple[Span, ...]
    error: StoreError | None = None

    @property
    def unfinished(self) -> bool:
        """Whether nothing is lost, only not there yet."""
        return isinstance(self.error, Incomplete)


def missing_after(number: int, spot: Spot, spans: Sequence[Span], useless: Useless) -> Missing:
    """What is missing of a writer that is whole up to `number`."""
    chosen = cover([span for span in spans if span.paths not in useless], number)
    if not chosen.gaps:
        end = chosen.spans[-1].last if chosen.spans else number
        return Missing(chosen.spans, _reason(spans, useless, end + 1, None))
    first, last = chosen.gaps[0]
    why = _reason(spans, useless, first, last)
    if why is None:
        lost = StoreError(f"the numbers {first}-{last} of {spot} are missing", SEND_REST)
    else:
        lost = StoreError(why.message, why.hint)
    return Missing(tuple(takewhile(lambda span: span.last < first, chosen.spans)), lost)


def _reason(
    spans: Sequence[Span], useless: Useless, first: int, last: int | None
) -> StoreError | None:
    """Why nothing holds the numbers from `first` on, where something there should."""
    for span in spans:
        if span.paths in useless and span.last >= first and (last is None or span.first <= last):
            return useless[span.paths]
    return None

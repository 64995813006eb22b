"""Which metrics of a run were meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final

from otel_trackio.cli.quantity import count
from otel_trackio.errors import UnknownMetric
from otel_trackio.model import Kind
from otel_trackio.source import series_by_key
from otel_trackio.storedrun import StoredRun

LISTED: Final = 10
"""Metrics that a message names."""


def kinds_of(run: StoredRun) -> dict[str, Kind]:
    """The metrics of a run by key, sorted, and what kind each is of; no points are read."""
    with run.sources() as sources:
        return {key: found[0].series.kind for key, found in sorted(series_by_key(sources).items())}


def chosen(metrics: Sequence[str], kinds: Mapping[str, Kind]) -> list[str]:
    """The keys that were asked for, each once; a pattern such as `train/*` stands for many.

    Patterns match no histograms. Raises UnknownMetric where one names nothing.
    """
    keys: dict[str, None] = {}
    for metric in metrics:
        if metric in kinds:
            found = [metric]
        else:
            curves = (key for key, kind in kinds.items() if kind != "histogram")
            found = [key for key in curves if fnmatchcase(key, metric)]
        if not found:
            raise _unknown(metric, kinds)
        keys |= dict.fromkeys(found)
    return list(keys)


def _unknown(metric: str, kinds: Mapping[str, Kind]) -> UnknownMetric:
    near = get_close_matches(metric, kinds, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has {listed(kinds)}"
    return UnknownMetric(f"no metric {metric!r}", hint)


def listed(kinds: Mapping[str, Kind]) -> str:
    """Some of the metrics, and how many more there are."""
    names = list(kinds)
    more = f" and {count(len(names) - LISTED)} more" if len(names) > LISTED else ""
    return (", ".join(names[:LISTED]) or "nothing yet") + more

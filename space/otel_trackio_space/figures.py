"""How the metrics of runs stand, kept until the run changes: reading them takes time."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from otel_trackio.metric import Metric
from otel_trackio_space.cache import Cache
from otel_trackio_space.entry import Entry
from otel_trackio_space.shelf import Shelf

MAX_METRICS: Final = 2**19
"""Metrics of runs that are kept."""


class Figures:
    """Any thread may use it."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._known: Cache[tuple[int, dict[str, Metric]]] = Cache(MAX_METRICS)

    def of(self, entry: Entry, keys: Collection[str] | None = None) -> list[Metric]:
        """The metrics of a run, or those of `keys` that it has. Raises StoreError."""
        wanted = entry.metrics.keys() if keys is None else entry.metrics.keys() & set(keys)
        version, known = self._known.get(entry.id) or (entry.version, {})
        if version != entry.version:
            known = {}
        if unknown := wanted - known.keys():
            with self._shelf.sources(entry):
                found = entry.run.metrics(unknown)
            # Another thread may do the same meanwhile, to the same end.
            known = {**known, **{each.key: each for each in found}}
            self._known.put(entry.id, (entry.version, known), len(known))
        return [known[key] for key in sorted(wanted) if key in known]

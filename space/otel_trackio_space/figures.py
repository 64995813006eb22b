"""How the metrics of runs stand, kept until the run changes: reading them takes time."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from otel_trackio.metric import Metric
from otel_trackio_space.entry import Entry
from otel_trackio_space.shelf import Shelf, Shown


class Figures:
    """Any thread may use it."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._known: dict[str, tuple[int, dict[str, Metric]]] = {}

    def of(self, entry: Entry, keys: Collection[str] | None = None) -> list[Metric]:
        """The metrics of a run, or those of `keys` that it has. Raises StoreError."""
        wanted = entry.metrics.keys() if keys is None else entry.metrics.keys() & set(keys)
        version, known = self._known.get(entry.id, (entry.version, {}))
        if version != entry.version:
            known = {}
        if unknown := wanted - known.keys():
            with self._shelf.sources(entry):
                found = entry.run.metrics(unknown)
            # Another thread may do the same meanwhile, to the same end.
            known = {**known, **{each.key: each for each in found}}
            self._known[entry.id] = entry.version, known
        return [known[key] for key in sorted(wanted) if key in known]

    def forget(self, shown: Shown) -> None:
        """Drops what is known of runs that are gone."""
        gone: Sequence[str] = [each for each in list(self._known) if each not in shown.runs]
        for each in gone:
            self._known.pop(each, None)

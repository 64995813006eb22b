"""The own store, with a thread beside it that brings what it holds elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

from otel_trackio.threads import started
from otel_trackio_collector.forwarding import Exporter, Sent
from otel_trackio_collector.requestlog import Entry
from otel_trackio_collector.standing import counts_of

CLOSING_SECONDS: Final = 15.0
"""How long an end waits for the last of it, which else the next start brings."""


class Accompanied:
    """An `Exporter`: the store, and `work`, which ends soon after `closing` is set."""

    def __init__(self, store: Exporter, work: Callable[[], object], name: str) -> None:
        self.name = store.name
        self.closing = threading.Event()
        self._store = store
        self._thread = threading.Thread(target=work, name=name, daemon=True)

    def start(self) -> None:
        started(self._thread)

    def export(self, entries: Sequence[Entry]) -> Sent:
        """See `Exporter`."""
        return self._store.export(entries)

    def counts(self) -> dict[str, int]:
        """The store's own."""
        return counts_of(self._store)

    def close(self) -> None:
        """The store first, so that the last turn of the work finds all of it."""
        self._store.close()
        self.closing.set()
        if self._thread.is_alive():
            self._thread.join(CLOSING_SECONDS)

"""Shows what `log()` recorded to the provider's other readers, such as a Prometheus endpoint.

Each key is an observable gauge that yields its last finite value. Our own reader ignores them:
the journal has every value already.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from otel_trackio.names import InstrumentNames
from otel_trackio.semconv import LOG_SCOPE, TRACKIO_KEY

MAX_KEYS: Final = 10_000
"""Keys that get a gauge; a provider keeps each of them until the process ends."""


class Mirror:
    """One a process; runs come and go."""

    def __init__(self) -> None:
        self._meter = metrics.get_meter(LOG_SCOPE)
        self._names = InstrumentNames()
        self._known: set[str] = set()
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def update(self, last: Mapping[str, float]) -> None:
        """Takes the last finite value of each key; new keys get a gauge."""
        with self._lock:
            self._last.update(last)
            new = [key for key in last if key not in self._known]
            new = new[: MAX_KEYS - len(self._known)]
            self._known.update(new)
        for key in new:
            name = self._names.name_for(key)
            self._meter.create_observable_gauge(name, [self._observer(key)])

    def clear(self) -> None:
        """Forgets every value: a run that has finished observes nothing."""
        with self._lock:
            self._last.clear()

    def _observer(self, key: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        attributes = {TRACKIO_KEY: key}

        def observe(_: CallbackOptions) -> Iterable[Observation]:
            value = self._last.get(key)
            return [] if value is None else [Observation(value, attributes)]

        return observe

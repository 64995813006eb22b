"""Shows what `log()` recorded to the provider's other readers, such as a Prometheus endpoint.

Keys of one meaning, such as `train/loss` and `eval/loss`, share an observable gauge, which yields
the last finite value of each. Our own reader ignores them: the journal has every value already.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from otel_trackio.semconv import LOG_SCOPE, TRACKIO_KEY, meaning_of

MAX_KEYS: Final = 10_000
"""Keys that are shown; a provider keeps each of them until the process ends."""


class Mirror:
    """One a process; runs come and go."""

    def __init__(self) -> None:
        self._meter = metrics.get_meter(LOG_SCOPE)
        self._keys: dict[str, dict[tuple[str, str], dict[str, str]]] = {}
        self._known: set[tuple[str, str]] = set()
        self._last: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def update(self, last: Mapping[tuple[str, str], float]) -> None:
        """Takes the last finite value of each key and scope; new ones are shown from now on."""
        with self._lock:
            self._last.update(last)
            new = [each for each in last if each not in self._known]
            new = new[: MAX_KEYS - len(self._known)]
            self._known.update(new)
        for each in new:
            self._show(*each)

    def clear(self) -> None:
        """Forgets every value: a run that has finished observes nothing."""
        with self._lock:
            self._last.clear()

    def _show(self, key: str, scope: str) -> None:
        meaning = meaning_of(key, scope)
        attributes = {TRACKIO_KEY: key, **dict(meaning.attributes)}
        with self._lock:
            keys = self._keys.setdefault(meaning.name, {})
            is_new = not keys
            keys[key, scope] = attributes
        if is_new:
            observer = self._observer(meaning.name)
            self._meter.create_observable_gauge(meaning.name, [observer], meaning.unit)

    def _observer(self, name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(_: CallbackOptions) -> Iterable[Observation]:
            with self._lock:
                shown = list(self._keys[name].items())
                last = [(self._last.get(each), attributes) for each, attributes in shown]
            return [Observation(value, about) for value, about in last if value is not None]

        return observe

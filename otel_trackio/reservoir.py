"""A reservoir that keeps every measurement, so that the SDK's aggregation loses no step.

The SDK is built to aggregate: a plain pipeline keeps one value an interval. Exemplars are the one
public way through it that carries each measurement with its own time and Context.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.sdk.metrics import (
    AlwaysOnExemplarFilter,
    Counter,
    Exemplar,
    ExemplarReservoir,
    Histogram,
    UpDownCounter,
    _Gauge,
)
from opentelemetry.sdk.metrics.view import View

from otel_trackio.semconv import TRAINING_STEP
from otel_trackio.steps import step_in

MAX_MEASUREMENTS: Final = 2**17
"""Measurements that one series may hold between two collections; further ones are counted.

A reader that never collects, such as a Prometheus endpoint nobody scrapes, holds this many too.
"""

_EVERY_MEASUREMENT: Final = (Counter, UpDownCounter, _Gauge)

Measurement = tuple[float | int, int, int | None, Mapping[str, Any] | None]
"""Value, time in ns, step if any, attributes as they were recorded."""


class Measurements(list[Exemplar]):
    """What a series measured since the last collection, in order.

    Our own converter takes `rows`. To any other exporter this is a list of exemplars, each with
    the step in its attributes, which it becomes when somebody looks into it.
    """

    def __init__(
        self,
        exemplars: Iterable[Exemplar] = (),
        rows: list[Measurement] | None = None,
        overflowed: int = 0,
        known: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(exemplars)
        self.rows = rows or []
        self.overflowed = overflowed
        self._known = known or {}

    def _look(self) -> None:
        if self.rows and not super().__len__():
            self.extend(map(self._exemplar, self.rows))

    def __len__(self) -> int:
        return super().__len__() or len(self.rows)

    def __iter__(self) -> Iterator[Exemplar]:
        self._look()
        return super().__iter__()

    def __getitem__(self, index: Any) -> Any:
        self._look()
        return super().__getitem__(index)

    def _exemplar(self, row: Measurement) -> Exemplar:
        value, time, step, attributes = row
        extra = {k: v for k, v in (attributes or {}).items() if k not in self._known}
        if step is not None:
            extra[TRAINING_STEP] = step
        return Exemplar(extra, value, time)


class KeepEverything(ExemplarReservoir):
    """Holds measurements until they are collected. Any thread may offer."""

    def __init__(self, pressure: threading.Event | None = None, **_: Any) -> None:
        self._pressure = pressure
        self._rows: list[Measurement] = []
        self._overflowed = 0
        self._lock = threading.Lock()

    def offer(
        self,
        value: float,
        time_unix_nano: int,
        attributes: Mapping[str, Any] | None,
        context: Context,
    ) -> None:
        step = step_in(context)
        if attributes and TRAINING_STEP in attributes:
            step = _step_attribute(attributes, step)
        with self._lock:
            held = len(self._rows)
            if held < MAX_MEASUREMENTS:
                self._rows.append((value, time_unix_nano, step, attributes))
            else:
                self._overflowed += 1
        if held == MAX_MEASUREMENTS // 2 and self._pressure is not None:
            self._pressure.set()

    def collect(self, point_attributes: Mapping[str, Any] | None) -> Measurements:
        with self._lock:
            rows, self._rows = self._rows, []
            overflowed, self._overflowed = self._overflowed, 0
        return Measurements((), rows, overflowed, point_attributes)


def _step_attribute(attributes: Mapping[str, Any], otherwise: int | None) -> int | None:
    step = attributes[TRAINING_STEP]
    return step if isinstance(step, int) else otherwise


class _AllButStep(set[str]):
    """The attribute keys of a View: all of them, except the one that would split the series."""

    def __contains__(self, key: object) -> bool:
        return key != TRAINING_STEP


def views(
    pressure: threading.Event | None = None, histogram_measurements: bool = False
) -> list[View]:
    """Views under which counters, up-down counters and gauges keep every measurement.

    Histograms stay aggregates, and a user's own View of one stays the only one, unless
    `histogram_measurements` asks for each measurement too.
    """

    def factory(aggregation: type[Any]) -> Callable[..., ExemplarReservoir]:
        return lambda **arguments: KeepEverything(pressure, **arguments)

    kinds = (*_EVERY_MEASUREMENT, Histogram) if histogram_measurements else _EVERY_MEASUREMENT
    return [
        View(instrument_type=kind, exemplar_reservoir_factory=factory, attribute_keys=_AllButStep())
        for kind in kinds
    ]


def lossless(histogram_measurements: bool = False) -> dict[str, Any]:
    """Arguments for your own `MeterProvider` under which `OtelTrackioExporter` loses nothing:

    `MeterProvider(metric_readers=[reader], **otel_trackio.lossless())`. It is the Views and the
    exemplar filter together; either alone keeps one value an interval. To add Views of your own:
    `arguments["views"] += [...]`.
    """
    return {
        "views": views(histogram_measurements=histogram_measurements),
        "exemplar_filter": AlwaysOnExemplarFilter(),
    }

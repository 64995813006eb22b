"""The process's MeterProvider: ours where there is none, the application's where there is one."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, Literal

from opentelemetry import metrics
from opentelemetry.sdk.metrics import (
    AlwaysOnExemplarFilter,
    Counter,
    Histogram,
    MeterProvider,
    MetricsTimeoutError,
    UpDownCounter,
    _Gauge,
)
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricReader, MetricsData
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource

from otel_trackio import delivery, forking, reservoir
from otel_trackio.diagnostics import logger
from otel_trackio.errors import ConfigError
from otel_trackio.threads import started

# A cumulative reader exports idle series again and again; a delta one only what is new.
DELTA: Final[dict[type, AggregationTemporality]] = dict.fromkeys(
    (Counter, UpDownCounter, Histogram, _Gauge), AggregationTemporality.DELTA
)

Attachment = Literal[
    "own provider",
    "own provider, other readers",
    "application's provider",
    "application's exporter",
]


ADOPTION_SECONDS: Final = 2.0
"""How long a forked child waits for its instruments before it goes on without them."""


class IntervalReader(MetricReader):
    """Collects each interval, or as soon as a reservoir is half full, and delivers to the run.

    Unlike the SDK's periodic reader it collects and delivers in one turn, so that a flush never
    overtakes a collection under way, and it does not start again in forked children.
    """

    def __init__(self, interval: float, pressure: threading.Event) -> None:
        super().__init__(preferred_temporality=DELTA)
        self._interval = interval
        self._pressure = pressure
        self._stopped = False
        self._process = os.getpid()
        self._turn = threading.RLock()

    def start(self) -> None:
        """Starts to collect in this process: once a provider has it, or in a forked child."""
        self._process = os.getpid()
        self._turn = threading.RLock()
        started(threading.Thread(target=self._run, name="otel-trackio-read", daemon=True))

    def adopt(self) -> None:
        """Goes on in a forked child, without what the parent had measured and not collected."""
        if os.getpid() == self._process or self._stopped:
            return
        self._turn = threading.RLock()
        # In a thread: whatever was measuring at the fork still holds the SDK's locks.
        emptied = threading.Thread(target=self.collect, daemon=True)
        emptied.start()
        emptied.join(ADOPTION_SECONDS)
        if not emptied.is_alive():
            self.start()
            return
        self._stopped = True
        logger.warning(
            "a thread was measuring while this process was forked: its instruments are not"
            " recorded; fork before threads measure, or spawn"
        )

    def _run(self) -> None:
        while not self._stopped:
            self._pressure.wait(self._interval)
            self._pressure.clear()
            self.force_flush()

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        if self._stopped or os.getpid() != self._process:
            return True
        if not self._turn.acquire(timeout=timeout_millis / 1000):
            return False
        try:
            self.collect(timeout_millis)
        except MetricsTimeoutError as error:
            logger.warning("an observable instrument took too long: %s", error)
            return False
        finally:
            self._turn.release()
        return True

    def _receive_metrics(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> None:
        with forking.unforked():
            delivery.deliver(metrics_data)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        self.force_flush(timeout_millis)
        self._stopped = True
        self._pressure.set()


_lock = threading.Lock()
_reader: IntervalReader | None = None
_provider: MeterProvider | None = None
_attachment: Attachment = "own provider"
_exporters = 0


def exporter_made() -> None:
    """Notes that the application uses our exporter in a reader of its own."""
    global _exporters
    _exporters += 1


def attach(
    interval: float,
    readers: Sequence[MetricReader] = (),
    views: Sequence[View] = (),
    resource: Resource | None = None,
    histogram_measurements: bool = False,
) -> Attachment:
    """Makes instruments of any meter reach the run, once a process; says what was attached.

    Where the application has set a MeterProvider it stays as it is: at most a reader is added,
    which gets one value an interval unless the provider was made with `lossless()`.
    """
    global _reader, _provider, _attachment
    with _lock:
        if _provider is not None:
            if readers or views or resource or histogram_measurements:
                raise ConfigError(
                    "the MeterProvider is made already", "call configure() before init()"
                )
            if _reader is not None:
                _reader.adopt()
            return _attachment
        existing = metrics.get_meter_provider()
        pressure = threading.Event()
        if isinstance(existing, MeterProvider):
            _provider = existing
            _attachment = _join(existing, interval, pressure)
            return _attachment
        _reader = IntervalReader(interval, pressure)
        _provider = MeterProvider(
            [_reader, *readers],
            resource or Resource.create(),
            exemplar_filter=AlwaysOnExemplarFilter(),
            shutdown_on_exit=False,
            views=[*reservoir.views(pressure, histogram_measurements), *views],
        )
        _reader.start()
        metrics.set_meter_provider(_provider)
        _attachment = "own provider, other readers" if readers else "own provider"
        return _attachment


def _join(existing: MeterProvider, interval: float, pressure: threading.Event) -> Attachment:
    global _reader
    if _exporters:
        return "application's exporter"
    _reader = IntervalReader(interval, pressure)
    existing.add_metric_reader(_reader)
    _reader.start()
    return "application's provider"


def attachment() -> Attachment:
    """How instruments reach the run, as `attach` found it."""
    return _attachment


def has_other_readers() -> bool:
    """Whether anybody but us collects from the provider."""
    return _attachment != "own provider"


def flush(timeout: float) -> None:
    """Collects everything measured so far and delivers it to the active run.

    In a thread: an observable instrument that hangs must not hang whoever waits.
    """
    if _reader is not None:
        collect = partial(_reader.force_flush, timeout * 1000)
    elif _exporters and _provider is not None:
        collect = partial(_provider.force_flush, timeout * 1000)
    else:
        return
    thread = threading.Thread(target=collect, name="otel-trackio-flush", daemon=True)
    if started(thread):
        thread.join(timeout)
    else:
        collect()

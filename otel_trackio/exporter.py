"""The exporter for applications that own their MeterProvider."""

from __future__ import annotations

import inspect
import os
from typing import Any

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

from otel_trackio import delivery, provider, session


class OtelTrackioExporter(MetricExporter):
    """Delivers what any reader collects to the active run; starts one if there never was one.

    Give the same arguments as to `init`. Alone it keeps one value an interval, as every exporter
    does; with `MeterProvider(metric_readers=[...], **otel_trackio.lossless())` it keeps every
    measurement. Make it before the MeterProvider.
    """

    def __init__(self, **run: Any) -> None:
        super().__init__(preferred_temporality=provider.DELTA)
        inspect.signature(session.init).bind(**run)  # A mistyped name shows here and now.
        self._run = run
        self._process = os.getpid()
        provider.exporter_made()
        session.finish_at_exit()

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        if os.getpid() != self._process:
            # The SDK's periodic reader starts again in a forked child, and first exports what it
            # inherited: that is the parent's to report.
            self._process = os.getpid() if delivery.has_destination() else self._process
            return MetricExportResult.SUCCESS
        if not delivery.has_destination():
            session.start_if_none(**self._run)
        taken = delivery.deliver(metrics_data)
        return MetricExportResult.SUCCESS if taken else MetricExportResult.FAILURE

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Nothing to let go: the run ends with the process, or by `finish`."""

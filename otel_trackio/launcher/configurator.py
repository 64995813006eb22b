"""What `opentelemetry-instrument` configures OpenTelemetry with, where no distribution does."""

from __future__ import annotations

import os
from typing import Any, Final

from opentelemetry.sdk._configuration import _OTelSDKConfigurator

ASKED_BY: Final = (
    "OTEL_CONFIG_FILE",
    "OTEL_LOGS_EXPORTER",
    "OTEL_METRICS_EXPORTER",
    "OTEL_TRACES_EXPORTER",
)


class Configurator(_OTelSDKConfigurator):
    """The SDK's own, by the usual variables; `OTEL_METRICS_EXPORTER=otel_trackio` is ours.

    opentelemetry-instrument takes the first configurator that it finds. opentelemetry-distro brings
    this same class of the SDK, so it does not matter which. Where no variable asks for anything
    nothing is configured: the run makes a MeterProvider that keeps every measurement.
    """

    def _configure(self, **kwargs: Any) -> None:
        if any(map(os.environ.get, ASKED_BY)):
            super()._configure(**kwargs)  # type: ignore[no-untyped-call]

"""Every training step, in OpenTelemetry.

>>> import otel_trackio
>>> with otel_trackio.init("digits", config={"lr": 0.1}) as run:
...     run.log({"train/loss": 0.5}, step=0)
"""

from __future__ import annotations

from otel_trackio.api import Api
from otel_trackio.dashboard import show
from otel_trackio.errors import (
    ConfigError,
    MissingExtra,
    NewerFormat,
    OtelTrackioError,
    StoreBusy,
    StoreError,
    UnknownMetric,
    UnknownRun,
)
from otel_trackio.exporter import OtelTrackioExporter
from otel_trackio.reservoir import lossless
from otel_trackio.run import Run
from otel_trackio.savedmap import SavedMap as _SavedMap
from otel_trackio.session import (
    alert,
    configure,
    finish,
    get_meter,
    init,
    log,
    log_system,
)
from otel_trackio.session import current_config as _current_config
from otel_trackio.steps import set_step, step
from otel_trackio.values import Histogram
from otel_trackio.version import __version__ as __version__

__all__ = [
    "Api",
    "ConfigError",
    "Histogram",
    "MissingExtra",
    "NewerFormat",
    "OtelTrackioError",
    "OtelTrackioExporter",
    "Run",
    "StoreBusy",
    "StoreError",
    "UnknownMetric",
    "UnknownRun",
    "alert",
    "configure",
    "finish",
    "get_meter",
    "init",
    "log",
    "log_system",
    "lossless",
    "set_step",
    "show",
    "step",
]

config: _SavedMap
"""The active run's config. Raises ConfigError where no run is active."""


def __getattr__(name: str) -> _SavedMap:
    if name == "config":
        return _current_config()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Every training step, in OpenTelemetry.

>>> import otel_trackio
>>> with otel_trackio.init("digits", config={"lr": 0.1}) as run:
...     run.log({"train/loss": 0.5}, step=0)
"""

from __future__ import annotations

import typing
from importlib import import_module
from typing import Any, Final

from otel_trackio.api import Api
from otel_trackio.dashboard import show
from otel_trackio.errors import (
    ConfigError,
    MissingExtra,
    NewerFormat,
    OtelTrackioError,
    StoreBusy,
    StoreError,
    UnknownFile,
    UnknownMetric,
    UnknownRun,
)
from otel_trackio.exporter import OtelTrackioExporter
from otel_trackio.image import Image
from otel_trackio.media import Markdown, Trace
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
from otel_trackio.table import Table
from otel_trackio.values import Histogram
from otel_trackio.version import __version__ as __version__

if typing.TYPE_CHECKING:
    from otel_trackio.trainer import instrument, uninstrument
    from otel_trackio.trainer.callback import OtelTrackioCallback

__all__ = [
    "Api",
    "ConfigError",
    "Histogram",
    "Image",
    "Markdown",
    "MissingExtra",
    "NewerFormat",
    "OtelTrackioCallback",
    "OtelTrackioError",
    "OtelTrackioExporter",
    "Run",
    "StoreBusy",
    "StoreError",
    "Table",
    "Trace",
    "UnknownFile",
    "UnknownMetric",
    "UnknownRun",
    "alert",
    "configure",
    "finish",
    "get_meter",
    "init",
    "instrument",
    "log",
    "log_system",
    "lossless",
    "set_step",
    "show",
    "step",
    "uninstrument",
]

config: _SavedMap
"""The active run's config. Raises ConfigError where no run is active."""


_LOADED_ON_USE: Final = {
    "OtelTrackioCallback": "otel_trackio.trainer.callback",
    "instrument": "otel_trackio.trainer",
    "uninstrument": "otel_trackio.trainer",
}
"""What trainers need, and where it is; the callback loads transformers."""


def __getattr__(name: str) -> Any:
    if name == "config":
        return _current_config()
    if name in _LOADED_ON_USE:
        return getattr(import_module(_LOADED_ON_USE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

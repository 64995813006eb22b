"""A drop-in for Trackio: `import otel_trackio.trackio as trackio`, before transformers and trl.

>>> import otel_trackio.trackio as trackio
>>> trackio.init(project="digits", config={"lr": 0.1})
>>> trackio.log({"train/loss": 0.5})
>>> trackio.finish()

In this process `import trackio` finds it, too, and so do `report_to="trackio"` and TRL, unless the
real one is imported already.
"""

from __future__ import annotations

from typing import Final

from otel_trackio.trackio import context_vars as context_vars
from otel_trackio.trackio.api import Api
from otel_trackio.trackio.bringing import freeze, import_csv, import_tf_events, sync
from otel_trackio.trackio.files import delete_project, save
from otel_trackio.trackio.levels import AlertLevel
from otel_trackio.trackio.live import Run, alert, config, finish, log, log_system
from otel_trackio.trackio.measured import log_cpu, log_gpu
from otel_trackio.trackio.records import Histogram, Image, Markdown, Table, Trace
from otel_trackio.trackio.registration import register
from otel_trackio.trackio.showing import show
from otel_trackio.trackio.starting import init
from otel_trackio.trackio.unsupported import (
    Artifact,
    ArtifactTTL,
    Audio,
    Classes,
    Collection,
    Config,
    EvalTable,
    Graph,
    Html,
    JoinedTable,
    Molecule,
    Object3D,
    Plotly,
    ReferenceHandler,
    Registry,
    ResolvedReference,
    Settings,
    Video,
    log_artifact,
    register_reference_handler,
    use_artifact,
)

__all__ = [
    "AlertLevel",
    "Api",
    "Artifact",
    "ArtifactTTL",
    "Audio",
    "Classes",
    "Collection",
    "Config",
    "EvalTable",
    "Graph",
    "Histogram",
    "Html",
    "Image",
    "JoinedTable",
    "Markdown",
    "Molecule",
    "Object3D",
    "Plotly",
    "ReferenceHandler",
    "Registry",
    "ResolvedReference",
    "Run",
    "Settings",
    "Table",
    "Trace",
    "Video",
    "alert",
    "config",
    "delete_project",
    "finish",
    "freeze",
    "import_csv",
    "import_tf_events",
    "init",
    "log",
    "log_artifact",
    "log_cpu",
    "log_gpu",
    "log_system",
    "register_reference_handler",
    "save",
    "show",
    "sync",
    "use_artifact",
]

__version__: Final = "0.43.0"
"""The version of Trackio whose calls this takes; transformers asks for it."""

register(__version__)

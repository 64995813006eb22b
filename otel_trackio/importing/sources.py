"""What can be imported, by the names that people call it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from otel_trackio.errors import ConfigError
from otel_trackio.importing.csvfile import csv_run
from otel_trackio.importing.origin import Origin
from otel_trackio.importing.tfevents import tensorboard_runs
from otel_trackio.importing.trackiodb import trackio_runs
from otel_trackio.importing.wandblog import wandb_runs

SOURCES: Final = ("trackio", "wandb", "tensorboard", "csv")


def runs_of(
    source: str, path: Path, step: str | None = None, time: str | None = None
) -> Sequence[Origin]:
    """The runs that lie at `path`; `step` and `time` are columns of a CSV file.

    Raises ConfigError where there is none, MissingExtra where it takes a library that is not
    installed, and StoreError where what lies there cannot be read.
    """
    if source == "csv":
        return [csv_run(path, step, time)]
    if source == "trackio":
        return trackio_runs(path)
    if source == "wandb":
        return wandb_runs(path)
    if source == "tensorboard":
        return tensorboard_runs(path)
    raise ConfigError(f"no source {source!r}", f"give one of {', '.join(SOURCES)}")

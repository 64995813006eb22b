"""Importing from a program: the calls that Trackio has, and the four sources by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from otel_trackio.api import Api
from otel_trackio.importing.copying import Copied, Wish, copy
from otel_trackio.importing.csvfile import csv_run
from otel_trackio.importing.origin import Origin
from otel_trackio.importing.tfevents import tensorboard_runs
from otel_trackio.settings import resolve

TOP: Final = "main"
"""What Trackio calls the run of event files that lie in the folder itself."""

Folder = str | os.PathLike[str] | None


def import_csv(
    csv_path: str | os.PathLike[str],
    project: str,
    name: str | None = None,
    *,
    step: str | None = None,
    time: str | None = None,
    dir: Folder = None,
) -> Copied:
    """Brings in a CSV file as a run called `name`, or as the file is.

    A row is a step, which the column `step` holds, `_step`, `global_step` or `epoch`, or the one
    named here; without one rows are counted. `time` names the column that holds the time. Called
    again it adds the rows that are new. Raises ConfigError where there is nothing to import.
    """
    origin = csv_run(Path(csv_path), step, time)
    return import_runs([origin], Wish(project, name or ""), dir)[0]


def import_tf_events(
    log_dir: str | os.PathLike[str], project: str, name: str | None = None, *, dir: Folder = None
) -> list[Copied]:
    """Brings in TensorBoard's event files, a run a folder, which is called by its path in
    `log_dir`, or `main`; `name` and `_` are put before that. Called again it adds what is new.

    Raises MissingExtra without TensorBoard, ConfigError where there are no event files.
    """
    found = tensorboard_runs(Path(log_dir), TOP)
    if name:
        found = [replace(each, name=f"{name}_{each.name}") for each in found]
    return import_runs(found, Wish(project), dir)


def import_runs(
    found: Iterable[Origin],
    wish: Wish,
    dir: Folder = None,
    progress: Callable[[int], None] = lambda points: None,
) -> list[Copied]:
    """Copies these runs into the store of `dir`, or of the settings; see `copying.copy`."""
    settings = resolve({"dir": dir}, os.environ)
    with Api(settings.dir) as api:
        return [copy(origin, api, settings, wish, progress) for origin in found]

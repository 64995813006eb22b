"""`trackio.save` and `trackio.delete_project`: what lies on this machine for a project."""

from __future__ import annotations

import glob
import os
import shutil
from pathlib import Path
from typing import Final

from otel_trackio import layout
from otel_trackio.api import Api
from otel_trackio.diagnostics import logger
from otel_trackio.errors import ConfigError
from otel_trackio.trackio import live

FOLDER: Final = "saved"
"""Where files that were saved lie under DIR, by project."""


def save(glob_str: str | os.PathLike[str], project: str | None = None) -> str:
    """Copies files of that name or pattern to the project's folder on this machine.

    They keep their place below the current folder. They are not synced: to have them on the Hub,
    use `huggingface_hub.upload_folder`. Returns the folder. Raises ConfigError where there are
    none, or no project.
    """
    if project is None:
        project = live.needed("save").project
    folder = Api().dir / FOLDER / layout.encode_id(project)
    here = Path.cwd()
    found = [Path(name) for name in glob.glob(str(glob_str), recursive=True)]
    files = [path.absolute() for path in found if path.is_file()]
    if not files:
        raise ConfigError(f"no file is called {str(glob_str)!r}", "give a path, or a pattern of it")
    for path in files:
        kept = folder / (path.relative_to(here) if path.is_relative_to(here) else path.name)
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copyfile(path, kept)
    return str(folder)


def delete_project(project: str, force: bool = False) -> bool:
    """Deletes all runs of a project here, for good; asks first, unless forced.

    False where there are none, or the answer is no. Raises StoreBusy while one is recorded. What
    was synced stays there: `otel-trackio rm --remote` deletes it.
    """
    with Api() as api:
        runs = api.runs(project)
        if not runs:
            logger.warning("project %s does not exist", project)
            return False
        if not force:
            answer = input(f"Delete {len(runs)} runs of {project}, for good? (y/N): ")
            if answer.strip().lower() not in ("y", "yes"):
                return False
        for run in runs:
            run.delete()
    shutil.rmtree(api.dir / FOLDER / layout.encode_id(project), ignore_errors=True)
    return True

"""The directory of runs that a test works in."""

from __future__ import annotations

import shutil
from pathlib import Path

import otel_trackio
from otel_trackio import layout, recovery
from otel_trackio.storedrun import StoredRun


def only_run() -> StoredRun:
    """The one run there is."""
    (run,) = otel_trackio.Api().runs()
    return run


def only_file() -> Path:
    """The one run file there is."""
    (folder,) = layout.run_dirs(otel_trackio.Api().dir)
    (path,) = layout.run_files(folder)
    return path


def recover(run: StoredRun) -> None:
    """Recovers all that dead writers of the run left."""
    for path in recovery.orphans(run.path):
        assert recovery.recover(path) is not None
    assert recovery.orphans(run.path) == []


def copied(path: Path, dir: Path) -> Path:
    """The same run file in another directory of runs, with all that was beside it."""
    shutil.copytree(path.parents[2], dir)
    return dir / path.relative_to(path.parents[2])

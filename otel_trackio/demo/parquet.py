"""The demo's runs as Parquet: synced to a folder, as they would be to the Hub, and queried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from otel_trackio.demo.training import PROJECT
from otel_trackio.push import Pushed
from otel_trackio.remote import Folder
from otel_trackio.storedrun import StoredRun
from otel_trackio.sync import sync

QUERY: Final = """\
import pyarrow.dataset as ds

points = ds.dataset({points!r})
accuracy = points.to_table(filter=ds.field("key") == "eval/accuracy")
best = accuracy.group_by("run").aggregate([("value", "max")])
best = best.sort_by([("value_max", "descending")])
"""
"""A program without a line of ours: the runs by their best accuracy."""


@dataclass(frozen=True, slots=True)
class Synced:
    """The folder, what was sent there, and a query that answers `best` from it."""

    folder: Path
    pushed: Pushed

    @property
    def query(self) -> str:
        return QUERY.format(points=str(self.folder / "data" / "v1" / "points"))

    def best(self) -> pa.Table:
        """What the query finds, run as it is shown: columns `run` and `value_max`."""
        names: dict[str, pa.Table] = {}
        exec(self.query, names)
        return names["best"]


def synced(dir: Path, runs: Sequence[StoredRun]) -> Synced:
    """Syncs runs of a directory to a folder in it. Raises RemoteError."""
    folder = dir / PROJECT
    return Synced(folder, sync(dir, [run.path for run in runs], Folder(folder)).pushed)

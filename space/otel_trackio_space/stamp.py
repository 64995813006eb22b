"""What the file system says of a run: at the price of a few calls, whether to read it again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otel_trackio import lease

RECENT_NS: Final = 2_000_000_000
"""A folder that changed so lately may change again within the same tick of its clock."""

LIVE: Final = ("-wal", ".journal", ".lock")
"""How the names of files end that somebody may write to without the folder's time changing."""

SEEN: Final = (".db", "-wal", ".journal", ".torn")
"""How the names of files end that hold something of a run."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """The files of a run as they were; `held` are those whose writer is alive on this machine.

    `quiet` says that as long as no folder's time changes nothing else does.
    """

    times: tuple[int, ...]
    files: tuple[tuple[str, int, int, int], ...]
    held: tuple[str, ...]
    quiet: bool

    def tells(self, other: Stamp | None) -> bool:
        """Whether the run may be another than when the other stamp was taken."""
        return other is None or (self.files, self.held) != (other.files, other.held)


def stamp(folders: Sequence[Path], now: int, before: Stamp | None = None) -> Stamp:
    """Taken of the folders of a run; it is `before` where that is known to be still good.

    `now` is in ns since the epoch.
    """
    times = tuple(time_of(folder) for folder in folders)
    if before is not None and before.quiet and before.times == times:
        return before
    found = [each for folder in folders for each in _scanned(folder)]
    files = sorted(
        (path, status.st_ino, status.st_size, status.st_mtime_ns)
        for path, status in found
        # A reader of ours leaves an empty WAL.
        if path.endswith(SEEN) and (status.st_size or not path.endswith("-wal"))
    )
    locks = sorted(path for path, _ in found if path.endswith(".lock"))
    live = any(path.endswith(LIVE) for path, _ in found)
    recent = now - max(times, default=0) < RECENT_NS
    held = tuple(path for path in locks if lease.is_held(Path(path)))
    return Stamp(times, tuple(files), held, not live and not recent)


def time_of(folder: Path) -> int:
    """When a folder's list of files changed last, in ns since the epoch; 0 if it is not there."""
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0


def _scanned(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    try:
        with os.scandir(folder) as found:
            for each in found:
                try:
                    yield each.path, each.stat()
                except FileNotFoundError:
                    continue  # It was removed while we looked.
    except OSError:
        return

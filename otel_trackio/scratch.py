"""Where runs lie on this machine while DIR is a folder that machines share.

SQLite and mapped files are not safe on network and cluster file systems. There a folder on a local
disk, the scratch, stands in for DIR: run files and journals live in it, and DIR gets segments.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otel_trackio import filesystem, layout, place
from otel_trackio.diagnostics import logger
from otel_trackio.errors import StoreError

JOB_FOLDERS: Final = ("SLURM_TMPDIR", "TMPDIR")
"""Variables that name a folder on a disk of the node, the first one that serves wins."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """What stands in for DIR, called `shared` here, on this machine; it may not be there yet."""

    shared: Path
    folder: Path

    def is_in(self, base: Path) -> bool:
        """Whether it lies where it was wanted."""
        return self.folder.parent.parent == base

    def make(self) -> None:
        """Makes the folder, for its owner alone. Raises OSError, or StoreError if it is taken."""
        own = self.folder.parent
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not is_own(own):
            raise StoreError(f"{own} belongs to somebody else", "set OTEL_TRACKIO_SCRATCH")
        self.folder.mkdir(mode=0o700, exist_ok=True)


def scratch_of(
    dir: Path, wanted: Path | None, environ: Mapping[str, str] = os.environ
) -> Scratch | None:
    """The scratch of DIR, where DIR is on a network, holds segments, or a scratch is `wanted`.

    None where DIR serves as it is, and where this machine has no folder that would serve better.
    """
    shared = Path(os.path.realpath(dir))
    if wanted is None and not is_shared(shared):
        return None
    for base in _bases(wanted, environ):
        own = own_folder(base)
        if problem := _unfit(base, own):
            logger.info("%s is no scratch for %s: %s", base, shared, problem)
        else:
            return Scratch(shared, own / layout.encode_id(str(shared)))
    return None


def is_shared(dir: Path) -> bool:
    """Whether DIR is, or may be, one that other machines read and write too."""
    network = filesystem.is_network(filesystem.filesystem_type(dir))
    try:
        return network or (dir / place.ROOT).is_dir()
    except OSError:  # Who records there is told.
        return network


def own_folder(base: Path) -> Path:
    """What is this user's alone in a folder where others write too, such as /tmp."""
    owner = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    return base / f"otel-trackio-{owner}"


def is_own(folder: Path) -> bool:
    """Whether nobody else can have put anything there, or nothing is there yet."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return True
    if not hasattr(os, "getuid"):
        return stat.S_ISDIR(status.st_mode)
    others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not others


def _bases(wanted: Path | None, environ: Mapping[str, str]) -> Iterator[Path]:
    if wanted is not None:
        yield wanted
    yield from (Path(environ[name]) for name in JOB_FOLDERS if environ.get(name))
    yield Path(tempfile.gettempdir())


def _unfit(base: Path, own: Path) -> str:
    """Why no run can be recorded there; empty where one can."""
    try:
        there = next(each for each in (base, *base.parents) if each.exists())
    except OSError as error:
        return str(error)
    kind = filesystem.filesystem_type(base)
    if filesystem.is_network(kind):
        return f"it lies on {kind}"
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        return "it cannot be written"
    return "" if is_own(own) else f"{own} belongs to somebody else"

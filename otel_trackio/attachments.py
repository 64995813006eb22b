"""The files that lie beside a run: how they come there, whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from otel_trackio import attachment, filesystem, layout
from otel_trackio.attachment import MAX_FILE_BYTES, Attachment
from otel_trackio.errors import StoreError, UnknownFile

MAX_FILES: Final = 10_000
"""Files beside one run at most: a folder on the Hub holds no more."""

COUNT_EACH: Final = 500
"""Files after which those of a run are counted again."""

UNFINISHED: Final = ".tmp"
"""Ending of a file that is being written."""


class TooLarge(StoreError):
    """More bytes, or more files, than is kept."""


class Attachments:
    """The files of a run, while it is recorded. Any thread may call it."""

    def __init__(self, run_dir: Path) -> None:
        self.folder = layout.files_dir(run_dir)
        self._unsettled: deque[Path] = deque()
        self._known: set[str] = set()
        self._count = self._counted = 0

    def put(self, data: bytes, ending: str) -> Attachment:
        """Keeps a file of that content; it outlives the process from now on.

        Raises TooLarge, and OSError where there is no room.
        """
        if len(data) > MAX_FILE_BYTES:
            hint = "log a smaller one, or a part of it"
            raise TooLarge(f"has {len(data):,} bytes of at most {MAX_FILE_BYTES:,}", hint)
        made = attachment.described(data, ending)
        path = self.folder / made.name
        if not _is_there(path, made.size):
            self._find_room()
            _write(path, data)
            self._count += 1
        elif made.name in self._known:
            return made
        self._known.add(made.name)  # Who else wrote it may not have settled it.
        self._unsettled.append(path)
        return made

    def settle(self) -> None:
        """Lets all that was put so far outlive a power loss, too: before a record names it.

        Raises OSError where the disk could not do that, once: numbers are not to wait for it.
        """
        if not self._unsettled:
            return
        failure: OSError | None = None
        for _ in range(len(self._unsettled)):
            try:
                filesystem.sync(self._unsettled.popleft())
            except FileNotFoundError:
                pass  # It was deleted with its run.
            except OSError as error:
                failure = error
        filesystem.sync_names(self.folder)
        if failure is not None:
            raise failure

    def _find_room(self) -> None:
        if self._count >= self._counted:  # Other processes put files there, too.
            self._count = len(sizes(self.folder))
            self._counted = self._count + COUNT_EACH
        if self._count >= MAX_FILES:
            hint = "log fewer images and large tables, or start another run"
            raise TooLarge(f"is one file more than the {MAX_FILES:,} that a run has", hint)


def found(folders: Iterable[Path], name: str) -> Path:
    """Where the file of that name lies, in the folder of a run. Raises UnknownFile."""
    if attachment.type_of(name) is not None:  # So it leads out of no folder.
        for folder in folders:
            if (path := layout.files_dir(folder) / name).is_file():
                return path
    raise UnknownFile(f"no file {name!r} is here", "pull the run, or wait for its sync")


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of the files there, by name; what others keep beside them is passed over."""
    found: dict[str, int] = {}
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for each in entries:
            if attachment.type_of(each.name):
                with suppress(OSError):  # What cannot be looked at is no file of ours.
                    found[each.name] = each.stat().st_size
    return found


def remove(run_dir: Path) -> None:
    """Removes all files of a run, and what writers that died left of others."""
    folder = layout.files_dir(run_dir)
    with suppress(FileNotFoundError):
        for path in list(folder.iterdir()):
            if not path.is_dir():
                path.unlink(missing_ok=True)
        with suppress(OSError):  # Somebody keeps things of his own there.
            folder.rmdir()


def _is_there(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_name(f".{secrets.token_hex(8)}{UNFINISHED}")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except BaseException:  # A disk that is full is not to be filled by tries.
        unfinished.unlink(missing_ok=True)
        raise

"""The files beside a run in a remote: which are missing here, and whether they are sound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from otel_trackio import attachment, attachments, layout
from otel_trackio.attachment import MAX_FILE_BYTES
from otel_trackio.attachments import MAX_FILES
from otel_trackio.download import LOST
from otel_trackio.errors import StoreError
from otel_trackio.remote import Entry, write_whole


def missing(run_dir: Path, entries: Sequence[Entry]) -> list[Entry]:
    """Those that a run's folder here has not whole, and that are no more than ours would be."""
    here = attachments.sizes(layout.files_dir(run_dir)) if entries else {}
    absent = [e for e in entries if here.get(name_of(e)) != e.size and is_readable(e)]
    return absent[: max(0, MAX_FILES - len(here))]


def name_of(entry: Entry) -> str:
    return entry.path.rpartition("/")[2]


def is_readable(entry: Entry) -> bool:
    """Whether it is no larger than any of ours: who reads it holds it in memory."""
    return entry.size <= MAX_FILE_BYTES


def too_large(url: str, entry: Entry) -> StoreError:
    message = f"{entry.path} in {url} has {entry.size:,} bytes, more than any file of ours"
    return StoreError(message, LOST)


def checked(url: str, entry: Entry, data: bytes) -> bytes:
    """The content of a file. Raises StoreError where it is not what its name says."""
    if not attachment.is_sound(name_of(entry), data):
        raise StoreError(f"{entry.path} in {url} is damaged: its content is another", LOST)
    return data


class NoRoom(StoreError):
    """A folder takes no file."""


def keep(run_dir: Path, entry: Entry, data: bytes) -> None:
    """Puts a file into a run's folder. Raises NoRoom."""
    try:
        write_whole(layout.files_dir(run_dir) / name_of(entry), data)
    except OSError as error:
        message = f"cannot write to {layout.files_dir(run_dir)}: {error}"
        raise NoRoom(message, "free the disk, then pull again") from error

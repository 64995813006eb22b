"""Where segments go: a place that holds immutable files by path."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import Final, Protocol, TypeAlias

from otel_trackio import filesystem
from otel_trackio.errors import RemoteRefused, RemoteUnavailable

DATASETS: Final = "hf://datasets/"
BUCKETS: Final = "hf://buckets/"
"""How the urls of places on the Hub begin."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a remote: its path, parted by `/`, and its size in bytes."""

    path: str
    size: int


Card: TypeAlias = Callable[[str], bytes]
"""What README.md says in the place of that url, which may be known only once it is reached."""


class Remote(Protocol):
    """Files by path, each written once and never changed.

    Every call ends within a bounded time. It raises RemoteUnavailable where trying again may help,
    and then may have happened all the same; RemoteRefused where only what its hint says helps.
    """

    @property
    def url(self) -> str:
        """What names the place; holds no secret."""
        ...

    def prepare(self, card: Card) -> None:
        """Makes the place, private, with a card as its README.md, unless it is there already."""
        ...

    def list(self, prefix: str) -> list[Entry]:
        """Every file below a folder, sorted by path; none where there is no such folder."""
        ...

    def read(self, path: str) -> bytes:
        """One file. Raises RemoteRefused where there is none."""
        ...

    def commit(self, add: Mapping[str, Path], delete: Sequence[str], message: str) -> None:
        """Adds files, by their path there, then deletes others; repeating it changes nothing."""
        ...


class Folder:
    """A remote in a folder: of this machine, or one that several share."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def url(self) -> str:
        return str(self.root)

    def prepare(self, card: Card) -> None:
        with self._translated("write"):
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not (self.root / "README.md").exists():
                write_whole(self.root / "README.md", card(self.url))

    def list(self, prefix: str) -> list[Entry]:
        with self._translated("list"):
            found = [
                Entry(path.relative_to(self.root).as_posix(), size)
                for path in self._inside(prefix).rglob("*")
                if path.suffix != UNFINISHED and (size := _size(path)) is not None
            ]
        return sorted(found, key=lambda entry: entry.path)

    def read(self, path: str) -> bytes:
        with self._translated("read"):
            return self._inside(path).read_bytes()

    def commit(self, add: Mapping[str, Path], delete: Sequence[str], message: str) -> None:
        with self._translated("write"):
            for path, source in add.items():
                write_whole(self._inside(path), source.read_bytes())
            for path in delete:
                self._inside(path).unlink(missing_ok=True)

    def _inside(self, path: str) -> Path:
        parts = PurePosixPath(path).parts
        if ".." in parts or PurePosixPath(path).is_absolute():
            raise RemoteRefused(f"{path!r} leads out of {self.root}", "it is no path of a remote")
        return self.root.joinpath(*parts)

    @contextmanager
    def _translated(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, FileExistsError, NotADirectoryError) as error:
            raise RemoteRefused(
                f"cannot {verb} in {self.root}: {error}", "check the path"
            ) from error
        except PermissionError as error:
            hint = "make it writable, or choose another folder"
            raise RemoteRefused(f"cannot {verb} in {self.root}: {error}", hint) from error
        except OSError as error:
            hint = "free the disk, or see whether it is mounted"
            raise RemoteUnavailable(f"cannot {verb} in {self.root}: {error}", hint) from error


def _size(path: Path) -> int | None:
    """Of a file; None of what is none, or no more: who merges removes some meanwhile."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_size if S_ISREG(status.st_mode) else None


UNFINISHED = ".tmp"
"""Ending of a file that is being written."""


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file that is there whole or not at all, whatever dies meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}{UNFINISHED}")
    try:
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:  # A disk that is full is not to be filled by tries.
        unfinished.unlink(missing_ok=True)
        raise
    filesystem.sync_names(path.parent)

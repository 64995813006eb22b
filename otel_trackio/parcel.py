"""Parcels: the files of one range of numbers, which reach a remote together.

Every range has a file of points, rows or not, which comes last: where it is, the range is whole.
A file that records name is a parcel of its own, and goes before all ranges.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from otel_trackio import filesystem, place
from otel_trackio.remote import UNFINISHED, Entry, write_whole

REPLACES: Final = ".replaces"
"""Ending of the file beside the points of a merged range that names what it replaces."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A range's files, its points last, and the paths in the remote that they replace."""

    files: tuple[Entry, ...]
    replaces: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(entry.size for entry in self.files)

    @property
    def changes(self) -> int:
        """Files that sending it adds and deletes."""
        return len(self.files) + len(self.replaces)


def write(root: Path, files: Mapping[str, bytes], replaces: Sequence[str] = ()) -> None:
    """Puts a range's files, by their path in the remote, into an outbox."""
    *others, points = sorted(files, key=_is_last)
    if replaces:
        _put((root / points).with_suffix(REPLACES), "\n".join(replaces).encode())
    for path in (*others, points):
        _put(root / path, files[path])


def add_file(root: Path, path: str, source: Path) -> None:
    """Puts a file that records name into an outbox, before they are there.

    Raises FileNotFoundError where it is not there.
    """
    if (root / path).exists():
        return
    filesystem.sync(source)
    (root / path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.link(source, root / path)
        filesystem.sync_names((root / path).parent)
    except FileExistsError:
        return  # Another process was faster.
    except OSError:  # Not all file systems have links.
        write_whole(root / path, source.read_bytes())


def parcels(root: Path) -> list[Parcel]:
    """What waits in an outbox: files that records name, then ranges by run, writer and number.

    A range that another one replaces is not sent; it may have landed nevertheless.
    """
    ranges = _ranges(root)  # Listed first: what their records name is there before they are.
    return [*beside(root), *ranges]


def beside(root: Path) -> Iterator[Parcel]:
    """The files that records name alone."""
    for path in sorted((root / place.ROOT / place.FILES).glob("*/*/*")):
        name = path.relative_to(root).as_posix()
        if place.file_of(name) and (entry := _entry(root, name)):
            yield Parcel((entry,))


def _ranges(root: Path) -> list[Parcel]:
    folder = root / place.ROOT / place.LAST
    paths = sorted(path.relative_to(root).as_posix() for path in folder.rglob("*.parquet"))
    replaces = {path: tuple(_replaced(root, path)) for path in paths}
    replaced = set(chain.from_iterable(replaces.values()))
    waiting = ((path, _files(root, path)) for path in paths if path not in replaced)
    return [Parcel(files, replaces[path]) for path, files in waiting if files]


def remove(root: Path, parcel: Parcel) -> None:
    """Forgets a parcel that the remote holds.

    First what it replaces, or that would be sent after all, and before that what this replaces in
    its turn; last its points, or the rest would lie there for ever.
    """
    for path in (*reversed(parcel.replaces), *(entry.path for entry in parcel.files)):
        (root / path).with_suffix(REPLACES).unlink(missing_ok=True)
        (root / path).unlink(missing_ok=True)


def _is_last(path: str) -> bool:
    return path.startswith(f"{place.ROOT}/{place.LAST}/")


def _put(path: Path, data: bytes) -> None:
    for unfinished in path.parent.glob(f".{path.name}.*{UNFINISHED}"):
        unfinished.unlink(missing_ok=True)  # A crash left it.
    write_whole(path, data)


def _replaced(root: Path, path: str) -> Iterator[str]:
    """The paths that a range replaces, and what those replace that wait themselves."""
    try:
        named = (root / path).with_suffix(REPLACES).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return
    yield from named
    for each in named:
        yield from _replaced(root, each)


def _files(root: Path, points: str) -> tuple[Entry, ...]:
    """The files of the range with those points; none where another process removed it just now."""
    rest = points.removeprefix(f"{place.ROOT}/{place.LAST}/")
    paths = sorted((f"{place.ROOT}/{table}/{rest}" for table in place.TABLES), key=_is_last)
    found = tuple(entry for path in paths if (entry := _entry(root, path)))
    return found if found and found[-1].path == points else ()


def _entry(root: Path, path: str) -> Entry | None:
    try:
        return Entry(path, (root / path).stat().st_size)
    except FileNotFoundError:
        return None

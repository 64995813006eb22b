"""Which files that records name a remote has got already: each is sent there once.

What is lost of this by a crash makes a file go there again, to the same path with the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from otel_trackio import place
from otel_trackio.parcel import Parcel


class Sent:
    """A file of names for each run, a line each. Who holds the outbox's lease adds to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def holds(self, parcel: Parcel) -> bool:
        """Whether a parcel is such a file and was sent."""
        beside = place.file_of(parcel.files[0].path)
        return beside is not None and beside[1] in self._names(beside[0])

    def add(self, parcel: Parcel) -> None:
        """Notes that a parcel was sent, if it is such a file."""
        if beside := place.file_of(parcel.files[0].path):
            run, name = beside
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._file(run).open("a") as file:
                file.write(f"{name}\n")

    def forget(self, run_id: str) -> None:
        """Begins anew with a run."""
        self._file(place.encoded(run_id)).unlink(missing_ok=True)

    def _names(self, run: str) -> Iterable[str]:
        path = self._file(run)
        try:
            status = path.stat()
        except FileNotFoundError:
            return frozenset()
        return _read(path, status.st_size, status.st_mtime_ns)

    def _file(self, run: str) -> Path:
        return self._folder / place.on_disk(run)


@lru_cache(maxsize=8)
def _read(path: Path, size: int, changed: int) -> frozenset[str]:
    """Read again when it has changed."""
    return frozenset(path.read_text("utf-8").splitlines())

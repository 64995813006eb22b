"""Where contents are: in files named by their SHA-256, or in the xet store."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from pathlib import Path
from typing import Final

from tests.fakes.hub.state import File
from tests.fakes.hub.xet import Xet, write

FOLDERS: Final = ("blobs", "fetched", "xet")


class Storage:
    """In a folder; what is taken out of the xet store is kept in `fetched`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._open()

    def _open(self) -> None:
        for name in FOLDERS:
            (self.root / name).mkdir(exist_ok=True)
        # Clients remember what a store holds by its address, so no two may ever share one.
        stores = [*(self.root / "xet").iterdir(), self.root / "xet" / secrets.token_hex(8)]
        self.xet = Xet(stores[0])

    def clear(self) -> None:
        for name in FOLDERS:
            shutil.rmtree(self.root / name)
        self._open()

    def put(self, content: bytes) -> str:
        """Returns the name by which the content is found."""
        name = hashlib.sha256(content).hexdigest()
        if not self.has(name):
            write(self.root / "blobs" / name, content)
        return name

    def has(self, sha256: str) -> bool:
        return (self.root / "blobs" / sha256).exists()

    def large(self, sha256: str) -> File | None:
        """What a commit may point to, if the content has arrived in one of the two ways."""
        xet = self.xet.names.get(sha256, "")
        if not xet and not self.has(sha256):
            return None
        path = self.root / "blobs" / sha256
        size = self.xet.files[xet].size if xet else path.stat().st_size
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
        return File(size, git_oid(pointer.encode()), sha256, True, xet)

    def content(self, file: File) -> Path:
        """A file with the content."""
        if not file.xet:
            return self.root / "blobs" / file.sha256
        path = self.root / "fetched" / file.xet
        if not path.exists():
            write(path, self.xet.read(file.xet))
        return path


def git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

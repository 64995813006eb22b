"""Small JSON documents in a folder, each there whole or not at all, and for its owner alone."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from otel_trackio.errors import StoreError


def read(path: Path) -> dict[str, Any]:
    """The document; empty where there is none. Raises StoreError where it cannot be read."""
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error
    if not isinstance(document, dict):
        raise damaged(path, "it is no JSON object")
    return document


def stamp(path: Path) -> object:
    """Other than before where the document may be; None where it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def damaged(path: Path, why: object) -> StoreError:
    return StoreError(f"{path} cannot be read: {why}", "mend it, or delete it and begin anew")


def write(path: Path, document: dict[str, Any], indent: int | None = None) -> None:
    """Writes it so that a crash, or a power loss, leaves the old one or the new. Raises StoreError.

    The folder is made if it is not there.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(json.dumps(document, indent=indent).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        hint = "make the folder writable, or free the disk"
        raise StoreError(f"cannot write {path}: {error.strerror}", hint) from error

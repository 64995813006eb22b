"""Signs of life of commands that take long, on standard error where that is a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.status import Status


def progress(text: str) -> Status:
    """Shows `text` while the block lasts; `update` changes it."""
    return Console(stderr=True).status(text)

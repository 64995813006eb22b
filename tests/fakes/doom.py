"""Dooms what runs here: at the n-th thing that it does to files it dies."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final

CHANGES: Final = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}
"""The interpreter's audit events that tell of it, just before it happens."""


class Killed(BaseException):
    """Ends a test's own thread as `kill -9` ends a process: nothing expects it."""


def die() -> None:
    raise Killed


class Doom:
    """While entered, counts changes to files under `root`, and calls `strike` before the `at`-th.

    It hears of no change that SQLite makes; who sees one coming may `count` it.
    """

    def __init__(self, root: Path, at: int, strike: Callable[[], None] = die) -> None:
        self._done = 0
        self._root = str(root)
        self._at = at
        self._strike = strike

    def __enter__(self) -> Doom:
        global _doom
        if not _hooked:
            _hooked.append(True)
            sys.addaudithook(_hear)  # Nobody can ever remove it.
        _doom = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        global _doom
        _doom = None

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in CHANGES:
            path = arguments[0]
            if not isinstance(path, int) and os.fsdecode(path).startswith(self._root):
                self.count()

    def count(self) -> None:
        self._done += 1
        if self._done == self._at:
            self._strike()


_doom: Doom | None = None
_hooked: Final[list[bool]] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _doom is not None:
        _doom.hear(event, arguments)

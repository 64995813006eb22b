"""Signs of life in a DIR that machines share: a run that logs seldom is not dead for that."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from otel_trackio.threads import started

BEAT_SECONDS: Final = 15.0
"""From one sign of life to the next."""

KEPT_SECONDS: Final = 86_400.0
"""How old a sign is that nobody needs any more: its writer died, and nobody put it away."""


class Beacon:
    """Gives signs of life of a writer, from its start until `finish`: a file whose time is set."""

    def __init__(self, shared: Path, writer: str) -> None:
        self._path = shared / "alive" / writer
        self._stop = threading.Event()
        # On its own thread: a file system that hangs is not to hold up anything else.
        self._thread = threading.Thread(target=self._run, name="otel-trackio-alive", daemon=True)
        self._threaded = started(self._thread)

    def soon(self) -> None:
        """There is nothing to move forward."""

    def now(self, timeout: float) -> Callable[[], int]:
        """There is nothing that waits."""
        return lambda: 0

    def finish(self, timeout: float) -> Callable[[], int]:
        """Puts the sign away: from now on the run's own state counts."""
        self._stop.set()

        def wait() -> int:
            if self._threaded:
                self._thread.join(timeout)
            return 0

        return wait

    def _run(self) -> None:
        with suppress(OSError):  # Who syncs to DIR says what is wrong with it.
            _put_away(self._path.parent)
        while not self._stop.is_set():
            with suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._path.touch(mode=0o600)
            self._stop.wait(BEAT_SECONDS)
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def signs(shared: Path) -> dict[str, int]:
    """The last sign of life of each writer, in ns. Raises OSError."""
    last: dict[str, int] = {}
    with suppress(FileNotFoundError), os.scandir(shared / "alive") as found:
        for each in found:
            with suppress(FileNotFoundError):  # Its writer has ended just now.
                last[each.name] = each.stat().st_mtime_ns
    return last


def _put_away(folder: Path) -> None:
    for name, last in signs(folder.parent).items():
        if time.time() - last / 1e9 > KEPT_SECONDS:
            (folder / name).unlink(missing_ok=True)

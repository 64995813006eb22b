"""Other processes, as tests start and end them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 60.0
"""Seconds after which a process that should have ended counts as hung."""


class Worker:
    """A process that runs one module of `tests.e2e.workers`; it ends with the test."""

    def __init__(
        self,
        module: str,
        *arguments: object,
        env: Mapping[str, str] | None = None,
        inherited: Sequence[int] = (),
        prefix: Sequence[str] = (),
        piped: bool = False,
    ) -> None:
        command = [*prefix, sys.executable, "-m", f"tests.e2e.workers.{module}"]
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            pass_fds=tuple(inherited),
            stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
            stdout=subprocess.PIPE if piped else None,
            text=True,
        )

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def hears(self, line: str) -> None:
        """Waits for a line that it prints."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"{line}\n"

    def kill(self, number: int = signal.SIGKILL) -> int:
        """Sends a signal and waits for the end; returns the exit status (-number if it died)."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Waits for the end; returns the exit status."""
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """Ends it, if nothing else has."""
        if self.alive:
            self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

"""`otel-trackio show` as its users start it: a process of its own, on a free port."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Self
from urllib.request import urlopen

ROOT: Final = Path(__file__).parents[3]
PATIENCE: Final = 60.0
"""Seconds after which the process counts as hung."""


class Dashboard:
    """A server on a folder; it serves once it is entered, and ends with the block."""

    def __init__(self, dir: Path, *options: str, env: Mapping[str, str] | None = None) -> None:
        self.dir = dir
        self.address = ""
        self.said: list[str] = []
        self._options = options
        self._env = {"OTEL_TRACKIO_DIR": str(dir), **(env or {})}
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start(free_port())
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def start(self, port: int) -> None:
        """Returns when it has printed its address, and answers there."""
        command = [sys.executable, "-m", "otel_trackio_space", str(self.dir)]
        command += ["--port", str(port), *self._options]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **self._env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # A thread, as a full pipe would stop the server.
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        try:
            self._await_answer()
        except BaseException:
            self.kill()
            raise

    def _await_answer(self) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self._process and self._process.poll() is None:
            self.address = next(filter(None, map(address_in, self.said)), "")
            with suppress(OSError, ValueError):  # ValueError while there is no address yet.
                urlopen(f"{self.address}/healthz", timeout=PATIENCE).close()
                return
            time.sleep(0.05)
        raise RuntimeError(f"it does not serve: {''.join(self.said)}")

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.said.append(line)

    def stop(self, by: int = signal.SIGINT, within: float = PATIENCE) -> int:
        """Ends it as Ctrl-C does; its exit status. Raises TimeoutExpired if it takes longer."""
        assert self._process is not None
        self._process.send_signal(by)
        status = self._process.wait(within)
        self._process = None
        return status

    def kill(self) -> None:
        """Ends it at once, if nothing else has."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None


def address_in(line: str) -> str:
    """What a line says of where to find the page, if anything."""
    found = re.search(r"http://[\w.]+:\d+", line)
    return found.group() if found else ""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])

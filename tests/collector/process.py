"""A collector as a process of its own, by the command that users start it with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.collector.sinks import until

COMMAND = (sys.executable, "-m", "otel_trackio", "collector")


class Running:
    """One process; what it logs is in `said`."""

    def __init__(self, arguments: list[str], dir: Path) -> None:
        self._dir = dir
        self._log = dir / "stderr.log"
        dir.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, *arguments],
                env={**os.environ, "OTEL_TRACKIO_DIR": str(dir)},
                stderr=log,
            )
        until(self._is_there)

    @property
    def said(self) -> str:
        return self._log.read_text()

    def endpoint(self, name: str) -> str:
        return str(self._told()["endpoints"][name])

    def ask(self, path: str) -> httpx.Response:
        return httpx.get(f"http://{self.endpoint('health')}{path}", timeout=60.0)

    def exporters(self) -> dict[str, dict[str, Any]]:
        return {each["name"]: each for each in self.ask("/status").json()["exporters"]}

    def caught_up(self, *names: str) -> bool:
        found = self.exporters()
        return not any(found[each]["lag_requests"] for each in names or found)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self, signal_number: int = signal.SIGTERM) -> int:
        """Tells it to end, and waits until it has."""
        self.process.send_signal(signal_number)
        return self.process.wait(60)

    def _told(self) -> dict[str, Any]:
        try:
            told: dict[str, Any] = json.loads((self._dir / "collector/running.json").read_text())
        except (FileNotFoundError, ValueError):
            return {"pid": 0}
        return told

    def _is_there(self) -> bool:
        assert self.process.poll() is None, self.said
        return bool(self._told()["pid"] == self.process.pid)


@contextmanager
def running(arguments: list[str], dir: Path) -> Iterator[Running]:
    """A process until the block ends, if it has not ended before."""
    found = Running(arguments, dir)
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.kill()


def asked(*arguments: str, dir: Path) -> subprocess.CompletedProcess[str]:
    """What the command says to those arguments."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**os.environ, "OTEL_TRACKIO_DIR": str(dir)},
        capture_output=True,
        text=True,
        timeout=60,
    )

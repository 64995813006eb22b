"""Training programs that send to a collector, and what both then hold."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

from otel_trackio import Api
from otel_trackio.storedrun import StoredRun

FREE = "127.0.0.1:0"
FLAGS = ["--grpc", FREE, "--http", FREE, "--health", FREE]
"""Of a collector that listens wherever there is room."""


class Training:
    """A program whose lines are `code`, with DIR and the endpoint in its environment; it may
    `print`, and read what it is told."""

    def __init__(self, code: str, dir: Path, endpoint: str, **environ: str) -> None:
        told = {"OTEL_TRACKIO_DIR": str(dir), "OTEL_TRACKIO_OTLP_ENDPOINT": endpoint}
        dir.mkdir(parents=True, exist_ok=True)
        self._log = dir.with_suffix(".log")
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", code],
                env={**os.environ, **told, **environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    @property
    def said(self) -> str:
        """On standard error."""
        return self._log.read_text()

    def line(self) -> str:
        """What it prints next."""
        return _there(self.process.stdout).readline().strip()

    def tell(self, line: str = "") -> None:
        stream = _there(self.process.stdin)
        stream.write(f"{line}\n")
        stream.flush()

    def kill(self) -> None:
        self.process.kill()
        self._ended()

    def end(self) -> None:
        """Waits until it has ended well."""
        code = self._ended()
        assert code == 0, self.said

    def _ended(self) -> int:
        self.process.communicate(timeout=100)
        return self.process.returncode


def _there(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def curves(run: StoredRun) -> dict[str, list[Any]]:
    """Every point of every metric, in the order recorded: step, time, value; all exact."""
    found: dict[str, list[Any]] = {}
    for metric in run.metrics():
        if metric.kind == "histogram":
            # OTLP has no room for how many were not finite.
            found[metric.key] = [
                (each.step, each.time, each.start, {**each.data, "nonfinite": 0})
                for each in run.histograms(metric.key)
            ]
        else:
            columns = run.history(metric.key, all=True)
            rows = zip(*(columns[name].tolist() for name in ("step", "time", "value")), strict=True)
            found[metric.key] = [tuple(map(repr, row)) for row in rows]
    return found


def histories(dir: Path) -> dict[str, dict[str, list[Any]]]:
    """The curves of each run in a folder, by id."""
    with Api(dir) as api:
        return {run.id: curves(run) for run in api.runs()}


def states(dir: Path) -> dict[str, str]:
    with Api(dir) as api:
        return {run.id: run.state for run in api.runs()}

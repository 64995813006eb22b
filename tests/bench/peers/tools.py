"""The tools that are compared, each in an environment of its own under `.bench-venvs`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent
METRICS = 10
SETTLE = 3.0
"""Seconds that a killed tool's own helper processes have to write what they hold."""

# No tool may reach the network or speak of itself.
ENVIRONMENT = os.environ | {
    "HF_HUB_OFFLINE": "1",
    "OTEL_TRACKIO_SILENT": "1",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
}


@dataclass(frozen=True, slots=True)
class Speed:
    """One run of the training loop: microseconds a `log()`, bytes a point when all is written."""

    calls: int
    p50: float
    p99: float
    bytes: float


@dataclass(frozen=True, slots=True)
class Tool:
    """A worker module's name, and what pip is asked for."""

    name: str
    requirement: tuple[str, ...]

    @property
    def python(self) -> Path:
        return ROOT / ".bench-venvs" / self.name / "bin" / "python"

    def install(self) -> None:
        if not self.python.exists():
            folder = self.python.parent.parent
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = ("-m", "pip", "install", "-qq", *self.requirement)
        subprocess.run((self.python, *pip), check=True)

    def speed(self, calls: int, seconds: int, busy: bool) -> Speed:
        """`calls` calls of METRICS metrics, fewer if they would take longer than `seconds`."""
        with folder() as directory:
            numbers = (calls, METRICS, seconds, int(busy))
            with self._measure("speed", directory, *numbers) as process:
                output, _ = process.communicate()
        return Speed(**json.loads(output))

    def lost(self, calls: int) -> int:
        """How many of `calls` returned calls are gone if the process is killed 0.1 s after."""
        with folder() as directory:
            with self._measure("abandon", directory, calls, METRICS) as process:
                wait_for("logged\n", process)
                time.sleep(0.1)
                process.kill()
            time.sleep(SETTLE)
            with self._measure("count", directory) as process:
                output, _ = process.communicate()
        return calls - int(output)

    def _measure(self, what: str, directory: Path, *numbers: int) -> subprocess.Popen[str]:
        script = (HERE / "measure.py", what, self.name, directory)
        return subprocess.Popen(
            (self.python, *script, *map(str, numbers)),
            env=ENVIRONMENT | {"TRACKIO_DIR": str(directory)},
            stdout=subprocess.PIPE,
            text=True,
        )


TOOLS = (
    Tool("otel_trackio", ("--editable", str(ROOT))),
    Tool("trackio", ("trackio==0.43.0",)),
    Tool("wandb", ("wandb==0.31.0",)),
    Tool("tensorboardx", ("tensorboardX==2.6.5",)),
)


def wait_for(line: str, process: subprocess.Popen[str]) -> None:
    if line not in (process.stdout or ()):  # reads up to it, and no further
        raise RuntimeError(f"{process.args!r} ended without saying {line!r}")


@contextmanager
def folder() -> Iterator[Path]:
    """An empty directory, removed however hard a tool's own processes cling to it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        yield Path(name)

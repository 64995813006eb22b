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

# No tool may reach the network, speak of itself, or follow the settings of this machine's user.
OWN = ("OTEL_", "TRACKIO_", "WANDB_")
ENVIRONMENT = {name: os.environ[name] for name in os.environ if not name.startswith(OWN)} | {
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
    """A distribution at a version, or this checkout; its worker is the module of that name."""

    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}".rstrip()

    @property
    def worker(self) -> str:
        return self.name.lower().replace("-", "_")

    @property
    def python(self) -> Path:
        return ROOT / ".bench-venvs" / self.worker / "bin" / "python"

    def install(self) -> None:
        if not self.python.exists():
            folder = self.python.parent.parent
            subprocess.run((sys.executable, "-m", "venv", folder), check=True)
        requirement = f"{self.name}=={self.version}" if self.version else ROOT
        subprocess.run((self.python, "-m", "pip", "install", "-qq", requirement), check=True)

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
        script = (HERE / "measure.py", what, self.worker, directory)
        return subprocess.Popen(
            (self.python, *script, *map(str, numbers)),
            env=ENVIRONMENT | {"TRACKIO_DIR": str(directory)},
            stdout=subprocess.PIPE,
            text=True,
        )


TOOLS = (
    Tool("otel-trackio"),
    Tool("trackio", "0.43.0"),
    Tool("wandb", "0.31.0"),
    Tool("tensorboardX", "2.6.5"),
)


def wait_for(line: str, process: subprocess.Popen[str]) -> None:
    if line not in (process.stdout or ()):  # reads up to it, and no further
        raise RuntimeError(f"{process.args!r} ended without saying {line!r}")


@contextmanager
def folder() -> Iterator[Path]:
    """An empty directory, removed however hard a tool's own processes cling to it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        yield Path(name)

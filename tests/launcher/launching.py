"""Programs that know nothing of us, started by `otel-trackio run`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

PROGRAM: Final = (sys.executable, "-m", "otel_trackio")

OFFLINE: Final = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "PYTHONWARNINGS": "ignore",
    "TOKENIZERS_PARALLELISM": "false",
}


def environment(folder: Path, **more: str) -> dict[str, str]:
    """What a shell in `folder` has, with our own tests importable below it."""
    here = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(folder),
        "OTEL_TRACKIO_DIR": str(folder),
        "PYTHONPATH": str(ROOT),
    }
    return {**here, **OFFLINE, **more}


def start(
    folder: Path, command: Sequence[str], options: Sequence[str] = (), **more: str
) -> subprocess.CompletedProcess[str]:
    """`otel-trackio run OPTIONS COMMAND`, to its end."""
    return subprocess.run(
        [*PROGRAM, "run", *options, *command],
        cwd=folder,
        env=environment(folder, **more),
        capture_output=True,
        text=True,
    )


def told(folder: Path, command: Sequence[str], options: Sequence[str] = (), **more: str) -> str:
    """What the command prints; it must end well, and complain of nothing."""
    done = start(folder, command, options, OTEL_TRACKIO_SILENT="1", **more)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def script(folder: Path, text: str, name: str = "train.py") -> Path:
    """A script in `folder`."""
    path = folder / name
    path.write_text(text)
    return path

"""How `otel-trackio run` starts a training that knows nothing of us.

`site/sitecustomize.py` is run by each Python below it, and waits there for transformers. What the
run is called, and where it goes, is in the environment.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

from otel_trackio.errors import ConfigError

SITE: Final = Path(__file__).parent / "site"


def launch(command: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Becomes the command, with its signals and its exit code. Raises ConfigError."""
    program = program_of(command)
    found = shutil.which(program[0], path=environ.get("PATH"))
    if found is None:
        raise ConfigError(
            f"no program {program[0]!r}", "say it as you would without otel-trackio run"
        )
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(found, list(program), environment(environ))


def program_of(command: Sequence[str]) -> tuple[str, ...]:
    """The command itself; `-m module` and `train.py` are run by the Python that runs this."""
    first = command[0]
    if first == "-m" or (first.endswith(".py") and not os.access(first, os.X_OK)):
        return (sys.executable, *command)
    return tuple(command)


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ`, and what makes each Python below look into SITE as it starts."""
    others = environ.get("PYTHONPATH", "").split(os.pathsep)
    path = [str(SITE), *(each for each in others if each and each != str(SITE))]
    return {**environ, "PYTHONPATH": os.pathsep.join(path)}

"""How `otel-trackio run` starts a training that knows nothing of us.

`site/sitecustomize.py` is run by each Python below it, and waits there for transformers. What the
run is called, and where it goes, is in the environment.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Final, NoReturn

from otel_trackio.diagnostics import logger
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
    if _looks_nowhere(program):
        logger.warning(
            "this Python is told to look into no PYTHONPATH: trainers are recorded only if the"
            " script calls otel_trackio.instrument()"
        )
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError):  # One may be closed, another full.
            stream.flush()
    _restore_signals()
    try:
        os.execve(found, list(program), environment(environ))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ConfigError(f"cannot run {found}: {why}", "is it a program, or a script?") from error


def program_of(command: Sequence[str]) -> tuple[str, ...]:
    """The command itself; `-m module` and `train.py` are run by the Python that runs this."""
    first = command[0]
    if first == "-m" or (first.endswith(".py") and not _runs_itself(first)):
        return (sys.executable, *command)
    return tuple(command)


def _runs_itself(script: str) -> bool:
    """Whether a shell would run it: it says by what, and may be run; on some disks all files may.

    A name that is no file here is one of PATH.
    """
    if not os.path.isfile(script):
        return True
    if os.sep not in script or not os.access(script, os.X_OK):
        return False
    with suppress(OSError), open(script, "rb") as file:
        return file.read(2) == b"#!"
    return False


def _looks_nowhere(program: Sequence[str]) -> bool:
    """Whether it is a Python whose first options keep SITE from being found: -I, -E or -S."""
    if not Path(program[0]).name.startswith("python"):
        return False
    options = takewhile(lambda word: re.fullmatch("-[a-zA-Z]+", word), program[1:])
    return any(set(re.split("[cmWX]", each)[0]) & set("IES") for each in options)


def _restore_signals() -> None:
    """Python ignores these for itself, and what it becomes would go on to."""
    for name in ("SIGPIPE", "SIGXFSZ"):
        if number := getattr(signal, name, None):
            signal.signal(number, signal.SIG_DFL)


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ`, and what makes each Python below look into SITE as it starts."""
    before = environ.get("PYTHONPATH", "")
    others = before.split(os.pathsep) if before else []  # One that is empty is the current folder.
    path = [str(SITE), *(each for each in others if each != str(SITE))]
    return {**environ, "PYTHONPATH": os.pathsep.join(path)}

"""What the program stands in: its output, its working directory, and the files it opens."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from subprocess import run
from typing import TYPE_CHECKING

import pytest

import otel_trackio

if TYPE_CHECKING:
    from tests.sdk.cli.conftest import Program


def test_a_closed_standard_output_is_answered_with_one_line(program: Program) -> None:
    """As of a daemon, or `>&-`."""
    command = f"{sys.executable} -m otel_trackio --dir {program.dir} ls >&-"
    ran = run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1
    assert ran.stderr == "error: standard output is closed; send it to /dev/null\n"


@pytest.mark.parametrize("arguments", ["ls --dir here", "doctor --dir here"])
def test_a_working_directory_that_is_gone_is_answered_with_one_line(
    tmp_path: Path, arguments: str
) -> None:
    """A relative DIR means nothing then."""
    command = f"mkdir gone; cd gone; rmdir ../gone; {sys.executable} -c '{MAIN}' {arguments}"
    ran = run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "error: the working directory was removed; cd to another\n"


MAIN = f'import sys; sys.path.append("{os.getcwd()}"); from otel_trackio.cli import main; main()'


@pytest.mark.parametrize("command", ["ls", "info p/a", "get a x", "watch a --once", "info b"])
def test_nothing_is_left_open(own: Program, command: str) -> None:
    """Python's own warnings, made errors, have nothing to say, and no run file stays open."""
    with otel_trackio.init("p", "a", dir=own.dir) as recorded:
        recorded.log({"x": 1}, 0)
    python = [sys.executable, "-W", "error", "-m", "otel_trackio", "--dir", str(own.dir)]
    ran = run([*python, *command.split()], capture_output=True, text=True, timeout=60)
    assert len(ran.stderr.splitlines()) == ran.returncode
    own.run(*command.split())
    assert own.opened() == []

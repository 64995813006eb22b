"""What is different in a terminal: colours, widths, and how much is shown."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sdk.cli.conftest import Program

STYLE = re.compile(r"\x1b\[[0-9;]*m")


def shown(program: Program, *arguments: str, columns: int = 80, **environ: str) -> str:
    """What appears in a terminal of so many columns and 30 lines."""
    terminal, ours = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    kept = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "LINES")}
    own = {"TERM": "xterm-256color", "OTEL_TRACKIO_DIR": str(program.dir), **environ}
    command = [sys.executable, "-m", "otel_trackio", *arguments]
    process = subprocess.Popen(command, env=kept | own, stdin=ours, stdout=ours, stderr=ours)
    os.close(ours)
    output = b""
    while chunk := read(terminal):
        output += chunk
    os.close(terminal)
    assert process.wait(60) == 0, output
    return output.decode().replace("\r\n", "\n")


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # How Linux says that the other side was closed.
        return b""


def test_states_have_colours_unless_they_are_not_wanted(program: Program) -> None:
    """NO_COLOR and anything that is no terminal get none."""
    assert "\x1b[31mfailed" in shown(program, "ls")
    assert "\x1b[31m" not in shown(program, "ls", NO_COLOR="1")
    assert "\x1b" not in shown(program, "ls", TERM="dumb")
    assert "\x1b" not in program("ls")


@pytest.mark.parametrize("columns", [80, 200])
def test_tables_fit_the_terminal(program: Program, columns: int) -> None:
    """What is least needed gives way; names and states stay, and each run has its line."""
    lines = STYLE.sub("", shown(program, "ls", columns=columns)).splitlines()
    assert max(map(len, lines)) <= columns
    assert len(lines) == 8
    assert lines[1].split()[:2] == ["finished", "digits/small"]
    assert ("POINTS" in lines[0]) == (columns == 200)


def test_a_long_table_shows_its_ends(program: Program) -> None:
    """With a note how to get the rest; a pipe gets all of it, and so does who asked to thin it."""
    lines = shown(program, "get", "small", "train/loss").splitlines()
    assert len(lines) == 1 + 10 + 1 + 30 + 1
    assert lines[11].split() == ["...", "...", "..."]
    assert lines[-1].startswith("100 rows, 40 shown")
    assert len(program("get", "small", "train/loss").splitlines()) == 101
    assert "..." not in shown(program, "get", "small", "train/loss", "--max-points", "200")


def test_a_plot_is_drawn_in_place(program: Program) -> None:
    """The last picture stays, and the cursor is given back."""
    text = shown(program, "watch", "small")
    assert "train/loss" in text
    assert "⣀" in text
    assert text.rstrip().endswith("\x1b[?25h")

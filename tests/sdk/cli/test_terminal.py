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
from rich.cells import cell_len

import otel_trackio
from otel_trackio import Api

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


LONG = "learning-rate-sweep-with-a-large-batch-and-a-long-warmup"


def test_names_that_begin_alike_are_told_apart(own: Program) -> None:
    """They lose their middle; an alert's run gives way before its text does."""
    for seed in range(3):
        with otel_trackio.init("project", f"{LONG}-{seed}", dir=own.dir) as run:
            run.alert("loss is NaN", "since step 0 it is not finite")
    for command in ("ls", "alerts"):
        lines = STYLE.sub("", shown(own, command)).splitlines()
        assert len(lines) == 4
        assert max(map(len, lines)) <= 80
        names = [line.split()[1] for line in lines[1:]]
        assert [name[:3] + name[-2:] for name in names] == ["pro-0", "pro-1", "pro-2"]
    assert lines[1].split(None, 2)[-1] == "loss is NaN: since step 0 it is not finite"


def test_runs_whose_cut_names_are_the_same_are_shown_with_their_ids(own: Program) -> None:
    """Where there is room for the whole names, they are enough."""
    for seed in range(2):
        otel_trackio.init("project", f"{LONG}-{seed}-{LONG}", dir=own.dir).finish()
    with Api(own.dir) as api:
        ids = [run.id for run in api.runs()]
    lines = STYLE.sub("", shown(own, "ls")).splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[2] for line in lines[1:]] == ids
    assert ids[0] not in shown(own, "ls", columns=250)


def test_wide_characters_are_cut_to_fit(own: Program) -> None:
    """Each takes two columns."""
    otel_trackio.init("p", "学習率" * 30 + "x", dir=own.dir).finish()
    line = STYLE.sub("", shown(own, "ls")).splitlines()[1]
    assert cell_len(line) <= 80
    assert "…" in line
    assert "率x" in line


@pytest.mark.parametrize(
    ("arguments", "marks"),
    [(("ls",), "~"), (("watch", LONG), "*"), (("demo", "--no-serve"), "*")],
)
def test_a_terminal_that_knows_ascii_alone_gets_ascii(
    own: Program, arguments: tuple[str, ...], marks: str
) -> None:
    """Marks of plots and tables have one character that stands for them, others are spelled out."""
    with otel_trackio.init("p", LONG, dir=own.dir, tags=["é"]) as run:
        for step in range(9):
            run.log({"loss": step * step}, step)
    text = shown(own, *arguments, PYTHONIOENCODING="ascii")
    assert text.isascii()
    assert marks in text
    assert "\\u" not in text
    assert ("\\xe9" in text) == (arguments == ("ls",))


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

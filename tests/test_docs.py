"""What the documents say is so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from otel_trackio import settings
from otel_trackio.cli import extension, main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_programs_of_the_readme_run(program: str, tmp_path: Path) -> None:
    """Each Python block is a program that runs as it stands and leaves a finished run."""
    environ = {**os.environ, "OTEL_TRACKIO_DIR": str(tmp_path), "OTEL_TRACKIO_SILENT": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_quick_start_prints_what_it_says(tmp_path: Path) -> None:
    """The comment behind the first program's `print` is what it prints."""
    environ = {**os.environ, "OTEL_TRACKIO_SILENT": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS[0]],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    promised = re.search(r"print\(.*#\s*(.*)", PROGRAMS[0])
    assert promised
    assert done.stdout.strip() == promised[1].strip()


def test_settings_table_is_the_one_in_the_code() -> None:
    """The README's table of settings is the code's own."""
    assert settings.markdown() in README


def test_commands_of_the_readme_exist() -> None:
    """Every `otel-trackio` command that a document names is one, with those options."""
    documents = "\n".join(path.read_text() for path in ROOT.glob("*.md"))
    written = re.findall(r"(?:^\$ |`)otel-trackio ([a-z]+)([^\n`#;]*)", documents, re.MULTILINE)
    assert written
    for command, rest in written:
        shipped = extension.extensions().get(command)
        known = (
            extension.load(command) if shipped else main.get_command(click.Context(main), command)
        )
        assert isinstance(known, click.Command), command
        options = {name for each in known.params for name in each.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options, rest

"""The page's modules that know no DOM, tested in their own language."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.space.ui.module import NODE, UI

TESTS = sorted((Path(__file__).parent / "ui").glob("*.test.js"))
MOST_LINES_A_FILE = 400

PURE = {
    *("attributes", "axes", "choice", "colour", "curves", "format", "lines"),
    *("distribution/heat", "distribution/ramp"),
    *("reading", "rows", "scale", "sections", "smooth", "state"),
}


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_modules_keep_their_promises(path: Path) -> None:
    """Each test of the file passes; their names state the promises."""
    command = [str(NODE), "--test", "--test-reporter=tap", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout
    assert "# pass 0" not in done.stdout


def test_modules_are_short() -> None:
    """No module or style of ours is longer than 400 lines."""
    own = [path for path in UI.rglob("*.*s") if "vendor" not in path.parts]
    lengths = {path.name: len(path.read_text().splitlines()) for path in own}
    assert "main.js" in lengths
    assert {name: n for name, n in lengths.items() if n > MOST_LINES_A_FILE} == {}


def test_pure_modules_know_no_dom() -> None:
    """What computes imports nothing that draws, and names neither document nor window."""
    for name in PURE:
        path = UI / f"{name}.js"
        text = path.read_text()
        found = re.findall(r'from "(\.[^"]+)\.js"', text)
        imported = {str((path.parent / each).resolve().relative_to(UI)) for each in found}
        assert imported <= PURE, name
        assert not re.search(r"\b(document|window|location|localStorage)\.\w", text), name

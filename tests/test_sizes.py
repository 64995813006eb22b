"""What a reader must hold in mind at once stays small."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
MOST_LINES_A_FILE = 400
MOST_LINES_A_FUNCTION = 70


def sources() -> Iterator[Path]:
    for folder in ("otel_trackio", "collector", "space", "tests"):
        yield from (ROOT / folder).rglob("*.py")


def lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def test_files_are_short() -> None:
    """No source file is longer than 400 lines."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources()
    }
    assert lengths
    assert {path: n for path, n in lengths.items() if n > MOST_LINES_A_FILE} == {}


def test_functions_fit_a_screen() -> None:
    """No function is longer than 70 lines."""
    lengths = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": lines(node)
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert lengths
    assert {name: n for name, n in lengths.items() if n > MOST_LINES_A_FUNCTION} == {}

"""What `import trackio` finds, and when."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.trackio.conftest import ROOT, python

FOUND = """
import sys, importlib.util, importlib.metadata
import otel_trackio
assert "trackio" not in sys.modules and importlib.util.find_spec("trackio") is None
import otel_trackio.trackio as ours
import trackio
from trackio import context_vars
import trackio.context_vars as again
assert trackio is ours and context_vars is again is ours.context_vars
assert importlib.util.find_spec("trackio").name == "otel_trackio.trackio"
assert importlib.metadata.version("trackio") == trackio.__version__
assert importlib.util.find_spec("trackio.nothing") is None
from packaging.version import parse
assert parse(trackio.__version__) >= parse("0.21.1")
for heavy in ("torch", "transformers", "pyarrow", "huggingface_hub", "pandas"):
    assert heavy not in sys.modules, heavy
"""

REAL_FIRST = """
import logging, sys
logging.basicConfig()
import trackio as real
import otel_trackio.trackio as ours
import trackio
from trackio import context_vars
assert trackio is real is not ours
assert context_vars.__file__.startswith(sys.argv[1])
assert ours.context_vars.current_run.get() is None
ours.init(project="p")
ours.log({"a": 1})
ours.finish()
"""

OURS_FIRST = """
import otel_trackio.trackio as ours
import trackio
assert trackio is ours
"""


@pytest.fixture
def env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def other(tmp_path: Path, env: dict[str, str]) -> dict[str, str]:
    """An environment in which another `trackio` can be imported."""
    package = tmp_path / "site" / "trackio"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "context_vars.py").write_text("")
    return {**env, "PYTHONPATH": f"{package.parent}{os.pathsep}{ROOT}"}


def test_importing_the_drop_in_registers_it(env: dict[str, str]) -> None:
    """With what transformers, TRL and accelerate look for; `otel_trackio` alone exposes none."""
    python(FOUND, env)


def test_another_that_is_imported_already_is_left_alone(
    other: dict[str, str], tmp_path: Path
) -> None:
    """It is said once, and both work."""
    told = python(REAL_FIRST, other, str(tmp_path / "site")).stderr
    assert told.count("trackio is imported already") == 1
    assert "finished p/" in told


def test_another_that_is_only_installed_gives_way(other: dict[str, str]) -> None:
    """In a process that imports the drop-in first."""
    python(OURS_FIRST, other)


def test_no_package_of_that_name_is_shipped() -> None:
    """At the top level, where it would lie on the real one."""
    assert not (ROOT / "trackio").exists()
    assert not (ROOT / "space" / "trackio").exists()
    assert not (ROOT / "collector" / "trackio").exists()

"""What is installed is what we meant to ship, and it works where nothing else is installed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

import otel_trackio

ROOT = Path(__file__).parent.parent
PACKAGES = ("otel_trackio", "collector/otel_trackio_collector", "space/otel_trackio_space")
HEAVY = ("gradio", "grpc", "httpx", "huggingface_hub", "pyarrow", "pynvml", "torch", "transformers")

# The built wheel and its environment are made once, so by one worker.
pytestmark = [pytest.mark.xdist_group("wheel"), pytest.mark.timeout(600)]


def run(
    *command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env)


def succeed(*command: str | Path) -> str:
    """What `command` prints; fails with what it complains of."""
    ran = run(*command)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@dataclass(frozen=True, slots=True)
class Installation:
    """The wheel in an environment of its own, used from an empty folder by someone new."""

    folder: Path
    home: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        program = self.folder / "bin" / command[0]
        environment = {"HOME": str(self.home), "PATH": os.defpath}
        return run(program, *command[1:], cwd=self.home, env=environment)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the source distribution, so it proves that one complete too."""
    folder = tmp_path_factory.mktemp("dist")
    succeed(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    here = Installation(tmp_path_factory.mktemp("env"), tmp_path_factory.mktemp("home"))
    succeed(sys.executable, "-m", "venv", "--without-pip", here.folder)
    pip = (sys.executable, "-m", "pip", "--python", here.folder / "bin" / "python")
    succeed(*pip, "install", "--quiet", wheel)
    return here


def test_wheel_holds_the_sources_and_nothing_else(wheel: Path) -> None:
    """Every file of the three packages is in the wheel under its import name; no other file is."""
    sources = {
        str(path.relative_to((ROOT / package).parent))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    shipped = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert shipped == sources
    assert {f"{Path(package).name}/py.typed" for package in PACKAGES} <= shipped


def test_extras_are_those_we_name(wheel: Path) -> None:
    """The wheel offers the extras collector, space and all, and carries its licence."""
    with ZipFile(wheel) as archive:
        described = next(name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = Parser().parsestr(archive.read(described).decode())
    assert set(metadata.get_all("Provides-Extra", [])) == {"collector", "space", "all"}
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"


def test_version_stands_in_one_place(wheel: Path) -> None:
    """The wheel's version is `otel_trackio.__version__`, which pyproject.toml does not repeat."""
    assert wheel.name.split("-")[1] == otel_trackio.__version__
    assert "version" not in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_quick_start_runs_as_the_readme_has_it(installation: Installation) -> None:
    """The README's first program runs from the bare wheel, and its run is listed afterwards."""
    quick_start = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert quick_start
    ran = installation.run("python", "-c", quick_start[1])
    assert ran.returncode == 0, ran.stderr
    listed = installation.run("otel-trackio", "ls", "--json")
    assert listed.returncode == 0, listed.stderr
    assert json.loads(listed.stdout)


@pytest.mark.parametrize(
    ("command", "requirement"),
    [
        ("demo", "scikit-learn"),
        ("show", "otel-trackio[space]"),
        ("collector", "otel-trackio[collector]"),
    ],
)
def test_what_is_missing_is_named_with_its_pip_line(
    installation: Installation, command: str, requirement: str
) -> None:
    """A command that needs more says how to install it, in quotes that any shell understands."""
    ran = installation.run("otel-trackio", command)
    assert ran.returncode != 0
    assert f"pip install '{requirement}'" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_import_is_light() -> None:
    """`import otel_trackio` so much as looks for none of the heavy packages, installed or not."""
    program = """
import sys
class Witness:
    def find_spec(name, path=None, target=None):
        print(name.partition(".")[0])
sys.meta_path.insert(0, Witness)
import otel_trackio
"""
    imported = succeed(sys.executable, "-c", program).split()
    assert "otel_trackio" in imported
    assert sorted(set(HEAVY) & set(imported)) == []

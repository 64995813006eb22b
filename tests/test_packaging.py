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

from otel_trackio.errors import MissingExtra

ROOT = Path(__file__).parent.parent
PACKAGES = ("otel_trackio", "collector/otel_trackio_collector", "space/otel_trackio_space")
HEAVY = ("gradio", "grpc", "huggingface_hub", "pyarrow", "pynvml", "torch", "transformers")

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
    import otel_trackio

    assert wheel.name.split("-")[1] == otel_trackio.__version__
    assert "version" not in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_quick_start_runs_as_the_readme_has_it(installation: Installation) -> None:
    """The README's first program runs from the bare wheel, and its run is listed afterwards."""
    readme = (ROOT / "README.md").read_text()
    quick_start = re.search(r"<!-- quick start -->.*?```python\n(.*?)```", readme, re.DOTALL)
    assert quick_start, "README.md has no python block after <!-- quick start -->"
    ran = installation.run("python", "-c", quick_start[1])
    assert ran.returncode == 0, ran.stderr
    listed = installation.run("otel-trackio", "ls", "--json")
    assert listed.returncode == 0, listed.stderr
    assert json.loads(listed.stdout)


def test_missing_dependency_answers_with_its_pip_line(installation: Installation) -> None:
    """The demo without scikit-learn says how to install it, and shows no traceback."""
    ran = installation.run("otel-trackio", "demo")
    assert ran.returncode != 0
    assert "pip install" in ran.stderr
    assert "scikit-learn" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_missing_extra_quotes_what_a_shell_would_expand() -> None:
    """The remedy for a missing extra can be pasted into any shell."""
    error = MissingExtra("the collector", "otel-trackio[collector]")
    assert str(error).endswith("pip install 'otel-trackio[collector]'")


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

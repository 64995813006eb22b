"""The drop-in, as a script of Trackio's uses it, in a process that goes on with other tests."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import otel_trackio
from otel_trackio.storedrun import StoredRun

ROOT = Path(__file__).parents[2]

REAL: Final = os.environ.get("REAL_TRACKIO", sys.executable)
"""A Python in which the real Trackio may be installed, and what ours needs."""

WHERE: Final = """
import importlib.util, sys
found = importlib.util.find_spec("trackio")
if found is None or importlib.util.find_spec("opentelemetry") is None:
    sys.exit(3)
print(found.submodule_search_locations[0])
"""


@pytest.fixture
def trackio(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """It is registered while the test lasts, and its run ends with the test."""
    import otel_trackio.trackio as trackio
    from otel_trackio.trackio import registration

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("otel_trackio.session._active", None)  # As in a process that begins.
    others = {name: module for name, module in sys.modules.items() if is_alias(name)}
    for name in others:
        del sys.modules[name]
    registration.register(trackio.__version__)
    yield trackio
    otel_trackio.finish()
    for finder in [each for each in sys.meta_path if isinstance(each, registration.Finder)]:
        sys.meta_path.remove(finder)
    for name in [name for name in sys.modules if is_alias(name)]:
        del sys.modules[name]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The tiny trainers, of which nothing is loaded before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = importlib.import_module("tests.trainer.tiny")
    constants = importlib.import_module("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return made


@pytest.fixture
def instrumented(trackio: Any) -> Iterator[None]:
    """Trainers are recorded by the instrument too, while the test lasts."""
    otel_trackio.instrument()
    yield
    otel_trackio.uninstrument()


@pytest.fixture
def real_trackio() -> Path:
    """The folder of the real one."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    made = subprocess.run([REAL, "-c", WHERE], env=env, capture_output=True, text=True)
    if made.returncode == 3:
        pytest.skip("trackio is not installed here")
    assert made.returncode == 0, made.stderr
    return Path(made.stdout.strip())


def is_alias(name: str) -> bool:
    return name == "trackio" or name.startswith("trackio.")


def only_run(project: str | None = None) -> StoredRun:
    """The one run that there is."""
    (run,) = otel_trackio.Api().runs(project)
    return run


def points(run: StoredRun, key: str) -> list[tuple[int, float]]:
    """Every point of a metric: its step, and its value."""
    found = run.history(key, all=True)
    return list(zip(found["step"].tolist(), found["value"].tolist(), strict=True))


def python(
    program: str | Path, env: dict[str, str], *arguments: str, executable: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    """Runs a program, or the text of one, in a process of its own; it is to end well."""
    told = [str(program)] if isinstance(program, Path) else ["-c", program]
    made = subprocess.run(
        [executable, *told, *arguments], env=env, capture_output=True, text=True, cwd=ROOT
    )
    assert made.returncode == 0, made.stderr
    return made

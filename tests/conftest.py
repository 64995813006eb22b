"""What every test may ask for, and what none may do: skip in CI, or touch its user's data."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Generator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

OURS = ("OTEL_", "TRACKIO_", "HF_", "SLURM_", "TORCHELASTIC_")
LAUNCHER = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
PYTHON = ("PYTHONUNBUFFERED",)  # Without buffers, faults that users have are not seen.

# No deadlines: other tests share these cores.
settings.register_profile("short", deadline=None)
settings.register_profile("soak", deadline=None, max_examples=2_000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run every test at its full size")


def pytest_configure(config: pytest.Config) -> None:
    # Started in the background, a shell makes us ignore Ctrl-C, and our children with us.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.load_profile("soak" if config.getoption("soak") else "short")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("soak"):
        return
    soaking = [item for item in items if item.get_closest_marker("soak")]
    config.hook.pytest_deselected(items=soaking)
    items[:] = [item for item in items if item not in soaking]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("needs_root") and not may_mount():
        pytest.skip("needs root: `unshare --mount` is refused here")


@cache
def may_mount() -> bool:
    try:
        return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not item.get_closest_marker("allow_skip"):
        refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    refuse_skip(report)
    return report


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """In CI everything that tests need is there, so a skip hides a fault."""
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"


@pytest.fixture(autouse=True)
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test, no run of a test the machine's own runs."""
    for name in list(os.environ):
        if name.startswith(OURS) or name in LAUNCHER + PYTHON:
            monkeypatch.delenv(name)
    monkeypatch.setenv("OTEL_TRACKIO_DIR", str(tmp_path / "otel-trackio"))
    monkeypatch.setenv("OTEL_TRACKIO_RAISE", "1")


@pytest.fixture(scope="session")
def size(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """`size(short, full)` is the short number in `make test`, the full one in `make soak`."""
    soak = bool(request.config.getoption("soak"))
    return lambda short, full: full if soak else short

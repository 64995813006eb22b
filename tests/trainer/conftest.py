"""What tests of real trainers share: one import of torch and TRL, and no network."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import otel_trackio
from otel_trackio.storedrun import StoredRun


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The tiny trainers; whoever collects tests must not load them, as that takes ten seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = importlib.import_module("tests.trainer.tiny")
    constants = importlib.import_module("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    return made


@pytest.fixture(autouse=True)
def left_as_found() -> Iterator[None]:
    """No test leaves trainers instrumented, or a run behind."""
    yield
    otel_trackio.uninstrument()
    otel_trackio.finish()


@pytest.fixture
def instrumented(tiny: Any) -> None:
    """Trainers are recorded while the test lasts."""
    otel_trackio.instrument()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where trainers may write."""
    return tmp_path / "out"


def only_run() -> StoredRun:
    """The one run that there is."""
    (run,) = otel_trackio.Api().runs()
    return run

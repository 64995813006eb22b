"""Folders of runs, and the app that shows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.space.asking import Asking


@pytest.fixture(autouse=True)
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs say nothing at their start and end."""
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Asking]:
    """An app on the folder where a test's runs are recorded."""
    with Asking(tmp_path / "otel-trackio") as app:
        yield app

"""Folders of runs, and the app that shows them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.space.asking import Asking
from tests.space.browser.dashboard import Dashboard
from tests.space.serving import client_of


@pytest.fixture(autouse=True)
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs say nothing at their start and end."""
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Asking]:
    """An app on the folder where a test's runs are recorded."""
    with Asking(tmp_path / "otel-trackio") as app:
        yield app


@pytest.fixture(scope="module")
def dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs of a module's tests are."""
    return tmp_path_factory.mktemp("dashboard")


@pytest.fixture(scope="module")
def dashboard(dir: Path) -> Iterator[Dashboard]:
    """A server of them."""
    with Dashboard(dir) as serving:
        yield serving


@pytest.fixture(scope="module")
def client(dashboard: Dashboard) -> Iterator[httpx.Client]:
    """Asks that server."""
    with client_of(dashboard) as found:
        yield found


@pytest.fixture
def project() -> str:
    """A project of the test's own."""
    return secrets.token_hex(4)

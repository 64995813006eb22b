"""A folder of runs, and the collector's store in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_trackio_collector.ownstore import OwnStore
from tests.collector.stored import LOG


@pytest.fixture
def dir(tmp_path: Path) -> Path:
    return tmp_path / "dir"


@pytest.fixture
def store(dir: Path) -> Iterator[OwnStore]:
    made = OwnStore(dir, LOG)
    yield made
    made.close()

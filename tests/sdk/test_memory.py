"""However much there is to sync or to pull, it takes little memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from otel_trackio.outbox import MAX_MEMORY
from tests.bench.data import Shape, store
from tests.bench.sync import NEW, WARM, measure


@pytest.mark.parametrize("keys", [10, 200])
def test_memory_is_bounded(keys: int, tmp_path: Path, size: Callable[[int, int], int]) -> None:
    """A million points at once go out, and come back, within MAX_MEMORY, of whatever shape."""
    here, remote = tmp_path / "here", str(tmp_path / "remote")
    store(here, WARM, Shape(10, NEW // 10))
    store(here, "large", Shape(keys, size(1_000_000, 10_000_000) // keys))
    out = measure("sync", here, "large", remote)
    back = measure("pull", tmp_path / "there", "large", remote)
    assert out["growth"] < MAX_MEMORY
    assert back["growth"] < MAX_MEMORY
    assert back["numbers"] > size(1_000_000, 10_000_000)

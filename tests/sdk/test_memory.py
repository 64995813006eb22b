"""However much there is to sync or to pull, it takes little memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from otel_trackio import layout
from otel_trackio.attachment import MAX_FILE_BYTES
from otel_trackio.attachments import Attachments
from otel_trackio.model import Record
from otel_trackio.outbox import MAX_MEMORY
from otel_trackio.runfile import RunFile
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


def test_memory_is_bounded_however_many_files_there_are(
    tmp_path: Path, size: Callable[[int, int], int]
) -> None:
    """Hundreds of megabytes of images go out, and come back, within MAX_MEMORY."""
    here, remote = tmp_path / "here", str(tmp_path / "remote")
    store(here, WARM, Shape(10, NEW // 10))
    store(here, "large", Shape(10, 10))
    run_dir = layout.run_dir(here, "large")
    [path] = layout.run_files(run_dir)
    files = Attachments(run_dir)
    with closing(RunFile.open(path)) as file:
        for step in range(size(20, 200)):
            content = step.to_bytes(4) * (MAX_FILE_BYTES // 4)
            data = {"file": files.put(content, "png").document()}
            with file.transaction():
                file.add_record(file.take_numbers(1), Record("image", "i", step, 0, data))
    out = measure("sync", here, "large", remote)
    back = measure("pull", tmp_path / "there", "large", remote)
    assert out["growth"] < MAX_MEMORY
    assert back["growth"] < MAX_MEMORY
    there = layout.files_dir(layout.run_dir(tmp_path / "there", "large"))
    assert len(list(there.iterdir())) == size(20, 200)

"""A process that logs images and tables may end at any instant, and what it logged is there."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from otel_trackio import layout, png
from otel_trackio.pull import pull
from otel_trackio.remote import Folder
from otel_trackio.storedrun import StoredRun
from otel_trackio.sync import sync
from otel_trackio.verify import verify
from tests.e2e.directory import only_run, recover
from tests.e2e.worker import Worker
from tests.e2e.workers.pictures import ROWS, pixels


def steps(worker: Worker) -> int:
    """How many steps it says that it has logged, once it was killed at some instant."""
    assert worker.process.stdout is not None
    wanted = random.randint(1, 60)
    lines = [worker.process.stdout.readline() for _ in range(wanted)]
    worker.kill()
    lines += worker.process.stdout.read().split()
    return len(lines)


def check(run: StoredRun, logged: int) -> None:
    """All that was logged is there, once, and nothing that was not; each file holds its content."""
    done = len(run.history("loss")["step"])
    assert logged <= done <= logged + 1
    images = run.images("images")
    tables = {key: run.tables(key) for key in ("large", "small")}
    # The call that was cut short is there in part or not at all.
    assert [each.step for each in images][: 2 * logged] == [n // 2 for n in range(2 * logged)]
    assert len(images) in range(2 * logged, 2 * logged + 3)
    for at, image in enumerate(images):
        step = at // 2
        assert image.path.read_bytes() == png.encode(pixels(step if at % 2 == 0 else step // 2))
    for key, amount in (("large", ROWS), ("small", 1)):
        found = tables[key]
        assert [each.step for each in found[:logged]] == list(range(logged))
        assert len(found) <= logged + 1
        assert all(each.rows(amount - 1)[0][0] == each.step for each in found)


def test_what_log_took_outlives_the_process(
    start: Callable[..., Worker],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    size: Callable[[int, int], int],
) -> None:
    """Images and tables of every call that returned: before anybody recovers it, after, and in a
    remote.
    """
    for _ in range(size(3, 40)):
        folder = tmp_path_factory.mktemp("crash")
        monkeypatch.setenv("OTEL_TRACKIO_DIR", str(folder))
        interval = random.choice(("0.01", "1"))
        logged = steps(start("pictures", env={"OTEL_TRACKIO_INTERVAL": interval}, piped=True))
        check(only_run(), logged)
        recover(only_run())
        check(only_run(), logged)
        arrives(only_run(), folder, logged)


def arrives(run: StoredRun, folder: Path, logged: int) -> None:
    remote = Folder(folder / "remote")
    sync(folder, [run.path], remote)
    assert verify(remote).problems == []
    pull(remote, folder / "there")
    check(StoredRun(layout.run_dir(folder / "there", run.id)), logged)


def test_a_forked_child_logs_images_of_its_own(
    start: Callable[..., Worker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They lie beside its parent's, and what both log is there once."""
    monkeypatch.setenv("OTEL_TRACKIO_DIR", str(tmp_path))
    worker = start("pictures", "fork", piped=True)
    assert worker.wait() == 0
    run = only_run()
    assert sorted(int(each.caption) for each in run.images()) == [0, 0, 1, 2]
    assert len(os.listdir(layout.files_dir(run.path))) == 3

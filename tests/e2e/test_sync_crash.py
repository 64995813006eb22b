"""Syncs that are killed and remotes that fail: in the end each row is there once."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

import otel_trackio
from otel_trackio.outbox import Outbox
from otel_trackio.push import push
from otel_trackio.ranges import MERGED
from otel_trackio.remote import Folder
from tests.e2e.worker import Worker
from tests.fakes.hub import Hub
from tests.fakes.scribe import Scribe
from tests.rows import check_held, stored

POINTS = 10_000
"""Of all writers together, at least."""

FAULTS = (
    {"action": "status", "status": 412},
    {"action": "status", "status": 429, "headers": {"Retry-After": "1"}},
    {"action": "status", "status": 500},
    {"action": "drop_before"},
    {"action": "drop_after"},
    {"action": "hang", "seconds": 1.0},
    {"action": "delay", "seconds": 0.5},
    {"action": "stale_parent"},
)
ASKED = "/commit/|/preupload/|/batch|/xet-write-token/|lfs|/revision/|/paths-info/"
"""Requests of an upload, to repositories and buckets."""


def almost_merged(folder: Path) -> None:
    """Runs of three writers that the next sync merges: of what landed, of what waits, of both."""
    here, remote = folder / "here", Folder(folder / "remote")
    outbox = Outbox(here, remote.url)
    for name, sent in (("a", MERGED - 1), ("b", 0), ("c", MERGED // 2)):
        scribe = Scribe(here, name)
        for cuts in range(1, MERGED):
            scribe.points(POINTS // 3 // MERGED)
            scribe.event()
            outbox.cut(scribe.file)
            if cuts <= sent:
                push(outbox, remote)
        scribe.points(POINTS // 3 // MERGED + 50)
        scribe.record()
        scribe.histogram()
        scribe.file.close()


def test_a_sync_may_be_killed_at_any_instant(
    start: Callable[..., Worker], tmp_path: Path, size: Callable[[int, int], int]
) -> None:
    """Wherever in cutting, merging and uploading it dies, the next one ends what it began."""
    folder, template = tmp_path / "folder", tmp_path / "template"
    almost_merged(folder)
    folder.rename(template)
    stride = size(80, 1)
    worker = start("doomed", template, folder, stride, random.randint(1, stride))
    assert worker.process.wait() == 0


@contextmanager
def remote_at(place: str, folder: Path) -> Iterator[tuple[str, Mapping[str, str], Hub | None]]:
    """A remote's name, what processes need to reach it, and the Hub that it is on."""
    if place == "folder":
        yield str(folder / "remote"), {}, None
        return
    kind = "buckets" if place == "bucket" else "datasets"
    with Hub("xet" if place == "bucket" else place) as hub:
        yield f"hf://{kind}/alice/metrics", {**hub.env(), "HF_XET_CACHE": str(folder / "xet")}, hub


def fetched(remote: str, environ: Mapping[str, str], folder: Path) -> Path:
    """A folder with all files of a remote: another process asks, which has not met it yet."""
    command = [sys.executable, "-m", "tests.e2e.workers.fetched", remote, str(folder)]
    subprocess.run(command, env={**os.environ, **environ}, check=True)
    return folder


@pytest.mark.parametrize("place", ["folder", "regular", "lfs", "xet", "bucket"])
def test_what_processes_record_arrives_once(
    place: str, start: Callable[..., Worker], tmp_path: Path, size: Callable[[int, int], int]
) -> None:
    """Three processes sync while they are killed and the remote fails in every way it may.

    Another takes over each time. After the last sync the remote's files hold each point, event,
    histogram and alert that this machine holds, once.
    """
    dir = Path(os.environ["OTEL_TRACKIO_DIR"])
    with remote_at(place, tmp_path) as (remote, environ, hub):
        env = {**environ, "OTEL_TRACKIO_RAISE": "0", "OTEL_TRACKIO_INTERVAL": "0.1"}

        def begun(number: int) -> Worker:
            return start("steady", f"run-{number}", remote, env=env, piped=True)

        workers = [begun(number) for number in range(3)]
        for _ in range(size(2, 60)):
            number = random.randrange(3)
            workers[number].hears("ready")
            if hub is not None:
                hub.fault(ASKED, skip=random.randint(0, 5), **random.choice(FAULTS))
            time.sleep(random.uniform(0, 2))  # The instant; nobody waits for anything here.
            workers[number].kill()
            workers[number] = begun(number)
        while sum(run.standing().points for run in otel_trackio.Api().runs()) < POINTS:
            assert all(worker.alive for worker in workers)
            time.sleep(0.1)
        for worker in workers:
            worker.kill()
        if hub is not None:
            hub.end_faults()
        command = [sys.executable, "-m", "otel_trackio", "sync", "--all", "--to", remote]
        subprocess.run(command, env={**os.environ, **environ}, check=True, capture_output=True)
        check_held(fetched(remote, environ, tmp_path / "fetched"), stored(dir))

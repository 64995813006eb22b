"""A remote that tells what is read of it, and runs that come to it in pieces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import otel_trackio
from otel_trackio import Api, Run, layout
from otel_trackio.card import card
from otel_trackio.outbox import Outbox
from otel_trackio.push import push
from otel_trackio.remote import Folder, Remote
from otel_trackio.runfile import RunFile
from otel_trackio.sync import sync

STEPS = 60


class Watched(Folder):
    """`reads` are the paths that were read; `meanwhile` is done once, just before the next one."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[str] = []
        self.meanwhile: Callable[[], object] = int

    def read(self, path: str) -> bytes:
        meanwhile, self.meanwhile = self.meanwhile, int
        meanwhile()
        self.reads.append(path)
        return super().read(path)

    def segments(self, table: str = "points") -> list[Path]:
        return sorted((self.root / "data/v1" / table).rglob("*.parquet"))


def record(here: Path, name: str = "run", project: str = "p") -> Run:
    """A run of STEPS steps; its numbers are two more, for how it begins, and one for its end."""
    with otel_trackio.init(project, name, dir=here, mode="offline") as run:
        for step in range(STEPS):
            run.log({"loss": 1 / (step + 1)})
    return run


def losses(dir: Path, run: Run) -> list[float]:
    with Api(dir) as api:
        return [float(value) for value in api.run(run.id).history("loss")["value"]]


def is_whole(dir: Path, run: Run) -> bool:
    return losses(dir, run) == [1 / (step + 1) for step in range(STEPS)]


def file_of(dir: Path, run: Run) -> Path:
    """The run file of its only writer."""
    [path] = layout.run_files(layout.run_dir(dir, run.id))
    return path


def send(here: Path, run: Run, remote: Remote, *ends: int) -> None:
    """Brings a run to a remote in ranges that end at these numbers, and the rest in one."""
    outbox = Outbox(here, remote.url)
    file = RunFile.open(file_of(here, run))
    try:
        for end in ends:
            with file.transaction():
                file.set_cursor(f"{outbox.cursor}:cutting", end)
            outbox.cut_one(file)
        outbox.cut(file)
    finally:
        file.close()
    remote.prepare(card)
    push(outbox, remote)


def everything(dir: Path, remote: Remote) -> None:
    """Brings all runs in a folder to a remote."""
    sync(dir, layout.run_dirs(dir), remote)


def live(dir: Path, remote: Remote, name: str = "live") -> Run:
    """A run that goes on, and that the remote knows so far."""
    run = otel_trackio.init("p", name, dir=dir, remote=remote.url)
    run.log({"x": 1})
    assert run.sync_now(60)
    return run

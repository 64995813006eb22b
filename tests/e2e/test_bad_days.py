"""Full and read-only disks, deleted files: training goes on, and what can be kept is kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import otel_trackio
from otel_trackio import layout, recovery
from tests.e2e.disk import PAGE, Disk
from tests.e2e.promise import check_counted
from tests.e2e.puppet import Failed, Puppet

MIB = 1 << 20
BOLD = {
    "OTEL_TRACKIO_RAISE": "0",
    "OTEL_TRACKIO_JOURNAL_SIZE": "256KiB",
    "OTEL_TRACKIO_FULL_WAIT": "0.05",
}
"""What users have: errors are logged and counted. The ring is small, so that it fills."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with Disk(tmp_path / "disk", 8 * MIB) as made:
        yield made


@pytest.fixture
def fallback(tmp_path: Path) -> Path:
    """Where temporary files go, on a disk that has room."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


@pytest.fixture
def on_disk(disk: Disk, fallback: Path, until_end: ExitStack) -> Callable[..., Puppet]:
    """`on_disk(**env)` starts a process that records to the small disk."""

    def starting(**env: str) -> Puppet:
        made = disk.puppet(**{**BOLD, "TMPDIR": str(fallback), **env})
        until_end.callback(made.close)
        return made

    return starting


def read(puppet: Puppet, run: str, key: str = "count", dir: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = puppet.do("read", key, dir)[run]
    return found


@pytest.mark.needs_root
def test_training_goes_on_with_a_full_disk(
    disk: Disk, on_disk: Callable[..., Puppet], capfd: pytest.CaptureFixture[str]
) -> None:
    """When the disk is full `log()` returns, says so once, counts what it drops, and goes on later.

    What the journal took before it was full is stored as soon as there is room.
    """
    puppet = on_disk()
    run = puppet.init("full")
    puppet.log(0, 1000)
    assert puppet.do("flush", 60)
    disk.fill()
    puppet.log(1000, 20_000)
    assert not puppet.do("flush", 0.2)
    counts = puppet.counts()
    assert counts["store.failed"] > 0
    dropped = counts["dropped.journal_full"] // 2
    assert 0 < dropped < 19_000
    disk.free()
    assert puppet.do("flush", 60)
    puppet.log(20_000, 21_000)
    puppet.finish()
    assert puppet.counts()["dropped.journal_full"] == 2 * dropped
    steps = read(puppet, run)["step"]
    kept = 20_000 - dropped
    assert steps == [*range(kept), *range(20_000, 21_000)]
    assert read(puppet, run)["state"] == "finished"
    said = capfd.readouterr().err
    assert said.count("is full; metrics are kept and it is tried again") == 1
    assert said.count("metrics are dropped: free the disk") == 1


@pytest.mark.needs_root
def test_a_disk_that_stays_full_ends_nothing(disk: Disk, on_disk: Callable[..., Puppet]) -> None:
    """A run that ends on a full disk stays in its journal, and recovery brings it in later."""
    puppet = on_disk()
    run = puppet.init("full")
    puppet.log(0, 1000)
    assert puppet.do("flush", 60)
    disk.fill()
    puppet.log(1000, 2000)
    puppet.finish(timeout=0.2)
    assert read(puppet, run)["step"] == list(range(2000))
    (path,) = disk.root.glob("runs/*/*.db")
    here = disk.path / path.relative_to(disk.root)
    with pytest.raises(Failed, match=r"cannot complete .* is full; free the disk"):
        puppet.do("recover", str(here))
    assert read(puppet, run)["step"] == list(range(2000))
    disk.free()
    assert puppet.do("recover", str(here)) is not None
    assert read(puppet, run)["step"] == list(range(2000))
    assert read(puppet, run)["state"] == "finished"


@pytest.mark.needs_root
def test_a_disk_full_of_nearly_anything(
    disk: Disk,
    fallback: Path,
    on_disk: Callable[..., Puppet],
    size: Callable[[int, int], int],
) -> None:
    """However little room there is, a run starts there or in the temporary folder, and is kept.

    Where it found no room it leaves nothing behind.
    """
    puppet = on_disk()
    other = fallback / "otel-trackio-0"
    for pages in range(0, 128, size(7, 1)):
        disk.fill(leave=pages * PAGE)
        puppet.init("full", id=f"pages-{pages}")
        puppet.log(0, 100)
        recorded = Path(puppet.do("path"))
        puppet.finish(timeout=0.2)
        disk.free()
        here = recorded.is_relative_to(disk.path)
        found = read(puppet, f"pages-{pages}", dir=None if here else str(other))
        assert found["step"] == list(range(100))
        left = list((disk.root / "runs" / f"pages-{pages}").glob("*"))
        assert bool(left) == here, left
        shutil.rmtree(disk.root / "runs" / f"pages-{pages}", ignore_errors=True)


@pytest.mark.needs_root
def test_no_room_anywhere(
    disk: Disk, fallback: Path, on_disk: Callable[..., Puppet], capfd: pytest.CaptureFixture[str]
) -> None:
    """Where nothing can be written training still goes on, and the run says that it is disabled."""
    puppet = on_disk()
    disk.fill()
    (fallback / "otel-trackio-0").write_text("in the way")
    puppet.init("full")
    puppet.log(0, 100)
    assert puppet.do("state") == "disabled"
    puppet.finish()
    assert capfd.readouterr().err.count("set OTEL_TRACKIO_DIR to a writable folder") == 1


@pytest.mark.needs_root
def test_a_fold_that_finds_no_room(disk: Disk, on_disk: Callable[..., Puppet]) -> None:
    """A disk that is full just when points are folded costs nothing but time."""
    puppet = on_disk(OTEL_TRACKIO_FOLD_POINTS="4000")
    run = puppet.init("full")
    puppet.log(0, 1900)
    assert puppet.do("flush", 60)
    disk.fill()
    puppet.log(1900, 2100)
    assert not puppet.do("flush", 0.2)
    assert read(puppet, run)["step"] == list(range(2100))
    disk.free()
    assert puppet.do("flush", 60)
    puppet.log(2100, 2200)
    puppet.finish()
    assert read(puppet, run)["step"] == list(range(2200))


@pytest.mark.needs_root
def test_a_read_only_directory(disk: Disk, fallback: Path, on_disk: Callable[..., Puppet]) -> None:
    """Runs in a folder that cannot be written can be read, and new ones go to the temporary folder.

    A run whose process was killed shows what its journal holds, too.
    """
    done, doomed = on_disk(), on_disk(OTEL_TRACKIO_INTERVAL="3600")
    finished, crashed = done.init("ended"), doomed.init("killed")
    done.log(0, 1000)
    done.finish()
    done.close()
    doomed.log(0, 100)
    doomed.do("flush", 60)
    doomed.log(100, 200)
    doomed.close()
    disk.read_only()
    puppet = on_disk()
    assert read(puppet, finished) == {"state": "finished", **counted(1000)}
    assert read(puppet, crashed) == {"state": "crashed", **counted(200)}
    run = puppet.init("elsewhere")
    puppet.log(0, 10)
    puppet.finish()
    other = fallback / "otel-trackio-0"
    assert Path(puppet.do("path")).is_relative_to(other)
    assert puppet.counts() == {"dir.unwritable": 1}
    assert read(puppet, run, dir=str(other)) == {"state": "finished", **counted(10)}


@pytest.mark.needs_root
def test_a_live_run_seen_through_a_read_only_mount(
    disk: Disk, on_disk: Callable[..., Puppet], tmp_path: Path
) -> None:
    """Who may only read, a container with a dashboard say, sees a live run live, and all of it."""
    live, window = on_disk(), tmp_path / "window"
    run = live.init("live")
    live.log(0, 100)
    live.do("flush", 60)
    disk.show_read_only(window)
    viewer = on_disk()
    assert read(viewer, run, dir=str(window)) == {"state": "running", **counted(100)}
    live.log(100, 200)
    assert read(viewer, run, dir=str(window)) == {"state": "running", **counted(200)}
    live.kill()
    assert read(viewer, run, dir=str(window)) == {"state": "crashed", **counted(200)}


def counted(last: int) -> dict[str, list[int]]:
    return {"step": list(range(last)), "value": list(range(last))}


def delete_beside(file: Path) -> None:
    for each in file.parent.iterdir():
        if each != file:
            each.unlink()


DELETIONS: dict[str, Callable[[Path], None]] = {
    "run file": lambda file: file.unlink(),
    "journal": lambda file: layout.journal_file(file).unlink(),
    "lock": lambda file: layout.lock_file(file).unlink(),
    "all but the run file": lambda file: delete_beside(file),
    "folder": lambda file: shutil.rmtree(file.parent),
    "directory": lambda file: shutil.rmtree(file.parents[2]),
}


@pytest.mark.parametrize("what", DELETIONS)
@pytest.mark.parametrize("ending", ["finish", "kill"])
def test_files_deleted_under_a_live_run(
    what: str, ending: str, puppet: Callable[..., Puppet], capfd: pytest.CaptureFixture[str]
) -> None:
    """What somebody deletes under a live run is written again, with all that it held, and said."""
    live = puppet(env={"OTEL_TRACKIO_HEARTBEAT": "0.02", "OTEL_TRACKIO_INTERVAL": "0.02"})
    run = live.init("deleted")
    live.log(0, 1000)
    (file,) = layout.run_files(Path(live.do("path")))
    DELETIONS[what](file)
    live.log(1000, 2000)
    live.do("await_count", "store.deleted")
    assert live.do("flush", 60)
    live.log(2000, 3000)
    assert recovery.recover(file) is None
    if ending == "finish":
        live.finish()
    else:
        live.kill()
        assert recovery.recover(file) is not None
    stored = otel_trackio.Api().by_id(run)
    assert stored is not None
    check_counted(stored, 0, 3000)
    assert stored.facts().project == "deleted"
    assert stored.standing().state == {"finish": "finished", "kill": "crashed"}[ending]
    assert capfd.readouterr().err.count("was deleted under the live run: writing it again") == 1


def test_a_reader_follows_files_that_are_written_again(puppet: Callable[..., Puppet]) -> None:
    """Who had the run open when its file was deleted sees the new one."""
    env = {"OTEL_TRACKIO_HEARTBEAT": "0.02", "OTEL_TRACKIO_INTERVAL": "0.02"}
    live = puppet(env={**env, "OTEL_TRACKIO_JOURNAL_SIZE": "64KiB"})
    live.init("deleted")
    live.log(0, 100)
    (stored,) = otel_trackio.Api().runs()
    check_counted(stored, 0, 100)
    (file,) = layout.run_files(stored.path)
    file.unlink()
    live.do("await_count", "store.deleted")
    live.log(100, 5000)
    assert live.do("flush", 60)
    check_counted(stored, 0, 5000)

"""Files that records name go to a remote once, come back, and go with their run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

import otel_trackio
from otel_trackio import Api, Image, Run, Table, attachment, layout, place
from otel_trackio.attachment import MAX_FILE_BYTES
from otel_trackio.errors import RemoteUnavailable, StoreError
from otel_trackio.merge import merge
from otel_trackio.outbox import Outbox
from otel_trackio.place import FILES, ROOT
from otel_trackio.pull import Pulled, Total, pull
from otel_trackio.push import MAX_BYTES, MAX_FILES
from otel_trackio.sync import sync
from otel_trackio.verify import verify
from otel_trackio.withdraw import withdraw
from tests.fakes.faulty import Faulty
from tests.fakes.watched import Watched, everything

ROWS: Final = [[n, f"{n}"] for n in range(3_000)]


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "here"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return tmp_path / "there"


@pytest.fixture
def remote(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "remote")


def picture(number: int) -> Any:
    return np.full((4, 4, 3), number, np.uint8)


def log(run: Run, images: int = 3) -> None:
    for step in range(images):
        run.log({"i": Image(picture(step), str(step)), "loss": step}, step)
        run.log({"again": [Image(picture(0)), Image(picture(step))]}, step)
    run.log({"t": Table(["n", "s"], ROWS)})


def record(here: Path, images: int = 3, **options: Any) -> Run:
    with otel_trackio.init("p", dir=here, mode="offline", **options) as run:
        log(run, images)
    return run


def files(root: Path, run: Run) -> dict[str, bytes]:
    """What lies beside a run in a remote, by name."""
    return {path.name: path.read_bytes() for path in beside(root, run)}


def beside(root: Path, run: Run) -> list[Path]:
    """The same as paths, sorted."""
    folder = root / place.run_folder(FILES, run.id)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def content(dir: Path, run: Run) -> list[Any]:
    """What its records show."""
    with Api(dir) as api:
        stored = api.run(run.id)
        images = [(e.key, e.step, e.caption, e.path.read_bytes()) for e in stored.images()]
        return [images, [(each.key, each.rows()) for each in stored.tables()]]


def test_images_and_tables_come_back_as_they_were(here: Path, there: Path, remote: Watched) -> None:
    """After a round trip each image has its bytes, each table its rows."""
    run = record(here)
    everything(here, remote)
    assert len(files(remote.root, run)) == 4
    pull(remote, there)
    assert content(there, run) == content(here, run)
    assert verify(remote).problems == []


def test_each_file_is_sent_and_fetched_once(here: Path, there: Path, remote: Watched) -> None:
    """However many records, attempts and writers name it; without any nothing is asked for."""
    run = record(here)
    faulty = Faulty(remote)
    everything(here, faulty)
    pull(remote, there)
    with otel_trackio.init("p", dir=here, id=run.id, resume="must", mode="offline") as again:
        log(again, 4)
    everything(here, faulty)
    sent = [path for add, _ in faulty.commits for path in add if place.file_of(path)]
    assert sorted(sent) == sorted(set(sent))
    assert len(sent) == 5
    remote.reads.clear()
    pull(remote, there)
    read = [path for path in remote.reads if place.file_of(path)]
    assert len(read) == 1
    remote.reads.clear()
    pull(remote, there)
    assert remote.reads == []
    assert content(there, run) == content(here, run)


@pytest.mark.parametrize("faults", [["before"], ["after"], ["amid"], ["amid", "after", "amid"]])
def test_files_outlive_a_remote_that_fails(
    faults: list[str], here: Path, there: Path, remote: Watched
) -> None:
    """They are there before what names them, whichever commit fails and how, and nothing waits."""
    run = record(here)
    faulty = Faulty(remote, faults)
    for _ in faults:
        with pytest.raises(RemoteUnavailable):
            everything(here, faulty)
        assert [each for each in verify_files(remote) if "missing" in each] == []
    everything(here, faulty)
    outbox = Outbox(here, remote.url)
    assert outbox.waiting() == []
    pull(remote, there)
    assert content(there, run) == content(here, run)


def verify_files(remote: Watched) -> list[str]:
    """Problems of a remote that may be empty."""
    return [each.what for each in verify(remote).problems] if remote.segments() else []


def test_commits_stay_small(here: Path, remote: Watched) -> None:
    """Many files go in several commits, each with at most so many files and bytes."""
    with otel_trackio.init("p", dir=here, mode="offline") as run:
        for step in range(MAX_FILES + 10):
            run.log({"i": Image(np.full((2, 2), step, np.uint8))}, step)
        noise = np.random.default_rng(1).integers(0, 256, (3, 1500, 1600, 3), np.uint8)
        run.log({"large": [Image(each) for each in noise]})
    faulty = Faulty(remote)
    everything(here, faulty)
    added = [add for add, _ in faulty.commits]
    sizes = {entry.path: entry.size for entry in remote.list(ROOT)}
    assert all(len(add) <= MAX_FILES for add in added)
    assert all(sum(sizes[path] for path in add) <= MAX_BYTES for add in added)
    order = [place.file_of(path) is not None for add in added for path in add]
    assert order == sorted(order, reverse=True)


def test_a_live_run_brings_its_files(here: Path, there: Path, remote: Watched) -> None:
    """With what is recorded so far, while it goes on."""
    with otel_trackio.init("p", dir=here, remote=remote.url) as run:
        log(run)
        assert run.sync_now(60)
        assert len(files(remote.root, run)) == 4
        pull(remote, there)
        assert content(there, run) == content(here, run)


def test_a_run_without_files_asks_nothing_more_of_a_remote(here: Path, remote: Watched) -> None:
    """It is one commit of segments, as ever."""
    with otel_trackio.init("p", dir=here, mode="offline") as run:
        run.log({"loss": 1, "t": Table(["a"], [[1]])})
    faulty = Faulty(remote)
    everything(here, faulty)
    [(added, deleted)] = faulty.commits
    assert {path.split("/")[2] for path in added} == {"points", "events", "records"}
    assert not deleted
    assert not (here / "outbox" / FILES).exists()


def test_who_resumes_elsewhere_goes_on_with_the_files(
    here: Path, there: Path, tmp_path: Path, remote: Watched
) -> None:
    """A machine that has never seen the run adds to it, and a third one gets it all."""
    run = record(here)
    everything(here, remote)
    with otel_trackio.init("p", dir=there, id=run.id, resume="must", remote=remote.url) as again:
        log(again, 5)
    third = tmp_path / "third"
    pull(remote, third)
    assert len(files(remote.root, run)) == 6
    assert len(content(third, run)[0]) == 3 * 3 + 5 * 3
    pull(remote, there)
    assert content(there, run) == content(third, run)


def test_a_run_that_moves_keeps_its_files(here: Path, there: Path, remote: Watched) -> None:
    """Into another project, before and after a sync."""
    run = record(here)
    before = content(here, run)
    everything(here, remote)
    with Api(here) as api:
        api.run(run.id).move("q")
    everything(here, remote)
    pull(remote, there, project="q")
    assert content(here, run) == content(there, run) == before


def test_a_merge_keeps_files(here: Path, there: Path, remote: Watched) -> None:
    """All that records name is there after it, and nothing else was touched."""
    run = record(here)
    everything(here, remote)
    with otel_trackio.init("p", dir=here, id=run.id, resume="must", mode="offline") as again:
        log(again, 4)
    everything(here, remote)
    before = files(remote.root, run)
    merge(remote)
    assert files(remote.root, run) == before
    pull(remote, there)
    assert content(there, run) == content(here, run)
    assert verify(remote).problems == []


def test_verifying_tells_of_files_that_are_missing_or_damaged(here: Path, remote: Watched) -> None:
    """Each by its path, and what helps."""
    run = record(here)
    everything(here, remote)
    gone, cut, other, _ = beside(remote.root, run)
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-1])
    other.write_bytes(bytes(other.stat().st_size))
    problems = verify(remote).problems
    assert len(problems) == 3
    for path, why in ((gone, "missing"), (cut, "damaged"), (other, "damaged")):
        [told] = [each for each in problems if path.name in each.what]
        assert why in told.what
        assert told.remedy


def test_files_are_here_before_what_names_them(here: Path, there: Path, remote: Watched) -> None:
    """Whoever looks while a run comes finds no record without them."""
    run = record(here)
    everything(here, remote)
    looks: list[int] = []

    def look(done: Pulled, total: Total) -> None:
        with Api(there) as api:
            found = api.by_id(run.id)
            if found is not None:
                looks.extend(len(each.path.read_bytes()) for each in found.images())

    pull(remote, there, progress=look)
    assert looks


def test_what_is_damaged_does_not_come(here: Path, there: Path, remote: Watched) -> None:
    """All else does; the error names the file, and once it is mended it comes, too."""
    run = record(here)
    everything(here, remote)
    path = beside(remote.root, run)[0]
    sound = path.read_bytes()
    path.write_bytes(b"<svg onload=alert(1)>")
    with pytest.raises(StoreError, match=path.name):
        pull(remote, there)
    with Api(there) as api:
        assert len(api.run(run.id).images()) == 9
    assert len(list(kept(there, run))) == 3
    path.write_bytes(sound)
    pull(remote, there)
    assert content(there, run) == content(here, run)


def test_what_is_no_file_of_ours_does_not_come(here: Path, there: Path, remote: Watched) -> None:
    """Neither by its name nor by its size."""
    run = record(here)
    everything(here, remote)
    folder = remote.root / place.run_folder(FILES, run.id)
    odd = ("evil.svg", "a" * 64 + ".html", "A" * 64 + ".png", "c" * 64 + ".png")
    for name in odd:
        (folder / "aa").mkdir(exist_ok=True)
        (folder / "aa" / name).write_bytes(b"x")
        (folder / name).write_bytes(b"x")
    large = folder / "bb" / f"{'b' * 64}.png"
    large.parent.mkdir(exist_ok=True)
    with large.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    remote.reads.clear()
    pull(remote, there)
    assert {path.name for path in kept(there, run)} == {path.name for path in kept(here, run)}
    [told] = verify(remote).problems
    assert large.name in told.what
    assert not {path for path in remote.reads if path.endswith(large.name)}


def kept(dir: Path, run: Run) -> Iterator[Path]:
    return layout.files_dir(layout.run_dir(dir, run.id)).iterdir()


def test_deleting_a_run_deletes_its_files_everywhere(
    here: Path, there: Path, remote: Watched
) -> None:
    """Here, in the remote, and where it was pulled when that is pulled again; others stay."""
    run, other = record(here), record(here)
    everything(here, remote)
    pull(remote, there)
    with Api(here) as api:
        api.run(run.id).delete()
    withdraw(here, run.id, remote)
    assert files(remote.root, run) == {}
    assert len(files(remote.root, other)) == 4
    pull(remote, there)
    for dir in (here, there):
        assert not layout.files_dir(layout.run_dir(dir, run.id)).exists()
        assert len(list(kept(dir, other))) == 4
    assert not list((here / "outbox").rglob("*.png"))
    assert verify(remote).problems == []


def test_a_merge_clears_up_after_deleted_runs(here: Path, remote: Watched) -> None:
    """What a sync brought of a run that was deleted is gone with the next merge."""
    run = record(here)
    everything(here, remote)
    with Api(here) as api:
        api.run(run.id).delete()
    everything(here, remote)
    merge(remote)
    assert files(remote.root, run) == {}


def test_a_file_that_is_gone_keeps_nothing_from_being_synced(
    here: Path, there: Path, remote: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody removed it: that is logged, and the rest arrives."""
    run = record(here)
    gone = sorted(kept(here, run))[0]
    gone.unlink()
    everything(here, remote)
    assert gone.name in caplog.text
    pull(remote, there)
    assert len(files(remote.root, run)) == 3
    [told] = verify(remote).problems
    assert "missing" in told.what


def test_names_in_records_lead_nowhere(here: Path, remote: Watched, tmp_path: Path) -> None:
    """A record that others wrote, with whatever it names, brings nothing to a remote."""
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    names: list[Any] = ["../../../secret.png", str(secret), 5, None, {}, "x.png"]
    for name in names:
        assert list(attachment.named({"file": {"name": name}})) == []
        assert list(attachment.named({"files": [{"name": name}, name]})) == []
    strange: list[Any] = [None, 5, [], "x", {"file": 5, "files": 5}]
    for odd in strange:
        assert list(attachment.named(odd)) == []
        assert list(attachment.named_in(json.dumps(odd))) == []
    assert list(attachment.named_in('{"sha256": ' + "[" * 100_000)) == []


def test_a_replica_is_synced_on_with_its_files(
    here: Path, there: Path, remote: Watched, tmp_path: Path
) -> None:
    """From one remote to another, by a machine that only pulled it."""
    run = record(here)
    everything(here, remote)
    pull(remote, there)
    second = Watched(tmp_path / "second")
    sync(there, layout.run_dirs(there), second, replicas=True)
    assert files(second.root, run) == files(remote.root, run)
    assert verify(second).problems == []


def test_machines_that_share_a_directory_show_each_other_s_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one has recorded in its scratch another one shows, files and all."""
    shared = tmp_path / "shared"
    monkeypatch.setenv("OTEL_TRACKIO_SCRATCH", str(tmp_path / "one"))
    with otel_trackio.init("p", dir=shared) as run:
        log(run)
    before = content(shared, run)
    monkeypatch.setenv("OTEL_TRACKIO_SCRATCH", str(tmp_path / "two"))
    assert content(shared, run) == before
    with Api(shared) as api:
        [*_, last] = api.run(run.id).images()
        assert last.path.is_relative_to(tmp_path / "two")
        api.run(run.id).delete()
    assert files(shared, run) == {}

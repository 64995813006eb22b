"""What comes back from a remote that others merge, damage and interrupt meanwhile."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import otel_trackio
from otel_trackio import Api, StoreError, layout
from otel_trackio.catalog import Span, catalog, cover
from otel_trackio.lease import Lease
from otel_trackio.merge import merge
from otel_trackio.pull import Pulled, pull
from otel_trackio.remote import Entry
from otel_trackio.storedrun import StoredRun
from tests.fakes.watched import (
    STEPS,
    Watched,
    everything,
    file_of,
    is_whole,
    losses,
    record,
    send,
)


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


def spans(*ranges: tuple[int, int]) -> list[Span]:
    return [Span(*each, {"points": Entry(f"{each}", 1)}) for each in ranges]


@pytest.mark.parametrize(
    ("ranges", "after", "chosen", "gaps"),
    [
        ([(1, 10), (11, 20)], 0, [(1, 10), (11, 20)], []),
        ([(1, 10), (1, 20), (11, 20)], 0, [(1, 20)], []),
        ([(1, 10), (1, 20), (11, 20)], 10, [(1, 20)], []),
        ([(1, 10), (5, 20), (11, 15)], 0, [(1, 10), (5, 20)], []),
        ([(1, 10), (21, 30)], 0, [(1, 10), (21, 30)], [(11, 20)]),
        ([(11, 20)], 0, [(11, 20)], [(1, 10)]),
        ([(1, 10)], 10, [], []),
        ([], 0, [], []),
    ],
)
def test_the_widest_ranges_are_chosen(
    ranges: list[tuple[int, int]],
    after: int,
    chosen: list[tuple[int, int]],
    gaps: list[tuple[int, int]],
) -> None:
    """As few as hold every number; the others are spare, and what none holds is a gap."""
    found = cover(spans(*ranges), after)
    assert [(span.first, span.last) for span in found.spans] == chosen
    assert list(found.gaps) == gaps
    assert len(found.spans) + len(found.spare) == len(ranges)


def test_what_is_here_is_not_read_again(here: Path, there: Path, remote: Watched) -> None:
    """A second pull reads no file; after a resumed run only the new attempt's are read."""
    run = record(here)
    send(here, run, remote, 20, 50)
    first = pull(remote, there)
    entries = remote.list("data")
    assert sorted(remote.reads) == [entry.path for entry in entries]
    assert (first.files, first.bytes) == (len(entries), sum(entry.size for entry in entries))
    remote.reads.clear()
    assert pull(remote, there) == pull(remote, there, "p") == Pulled(runs=1)
    assert remote.reads == []
    with otel_trackio.init("p", dir=here, id=run.id, resume="must") as again:
        again.log({"more": 1})
    everything(here, remote)
    pull(remote, there)
    known = {entry.path for entry in entries}
    assert sorted(remote.reads) == [e.path for e in remote.list("data") if e.path not in known]
    assert is_whole(there, run)


def test_one_run_alone_can_be_pulled(here: Path, there: Path, remote: Watched) -> None:
    """By its id; a remote without it is no error."""
    one, _ = record(here, "a"), record(here, "b")
    everything(here, remote)
    assert pull(remote, there, run=one.id).runs == 1
    assert pull(remote, there, run="another").runs == 0
    assert [each.id for each in Api(there).runs()] == [one.id]


def test_what_is_merged_between_listing_and_reading_is_listed_again(
    here: Path, there: Path, remote: Watched
) -> None:
    """The files that were listed are gone, what they held comes all the same."""
    run = record(here)
    send(here, run, remote, 10, 20, 30, 40)
    remote.meanwhile = lambda: merge(Watched(remote.root))
    assert pull(remote, there).numbers == STEPS + 3
    assert is_whole(there, run)
    assert len(remote.segments()) == 1


def test_what_a_crash_left_of_a_merge_counts_once(here: Path, there: Path, remote: Watched) -> None:
    """Where the old segments are there beside the new one, only the new one is read."""
    run = record(here)
    send(here, run, remote, 10, 20, 30, 40)
    old = {
        path: path.read_bytes() for table in ("points", "events") for path in remote.segments(table)
    }
    merge(remote)
    for path, data in old.items():
        path.write_bytes(data)
    remote.reads.clear()
    pull(remote, there)
    assert len(remote.reads) == 2
    assert is_whole(there, run)


@pytest.mark.parametrize("table", ["points", "events"])
def test_half_a_merge_hides_nothing(here: Path, there: Path, remote: Watched, table: str) -> None:
    """A merged range of which a table has not landed is passed over for what it was to replace."""
    run = record(here)
    send(here, run, remote, 10, 20, 30, 40)
    old = {
        path: path.read_bytes() for table in ("points", "events") for path in remote.segments(table)
    }
    merge(remote)
    [missing] = remote.segments(table)
    missing.unlink()
    for path, data in old.items():
        path.write_bytes(data)
    pull(remote, there)
    assert is_whole(there, run)
    assert merge(remote).broken == 0
    shutil.rmtree(there)
    pull(remote, there)
    assert is_whole(there, run)


def test_a_gap_is_named_and_stops_nothing_else(here: Path, there: Path, remote: Watched) -> None:
    """What came before it is kept, other runs come, and it is mended by what was missing."""
    run, other = record(here, "a"), record(here, "b")
    send(here, other, remote)
    send(here, run, remote, 20, 40)
    [lost] = [path for path in remote.segments() if "-000000000021-" in path.name]
    data = lost.read_bytes()
    lost.unlink()
    message = (
        rf"the numbers 21-40 of writer \w+ of run {run.id} in .* are missing; otel-trackio sync"
    )
    with pytest.raises(StoreError, match=message):
        pull(remote, there)
    assert is_whole(there, other)
    assert 0 < len(losses(there, run)) < STEPS
    lost.write_bytes(data)
    pull(remote, there)
    assert is_whole(there, run)


def test_what_is_still_being_uploaded_comes_later(here: Path, there: Path, remote: Watched) -> None:
    """The newest range lacks a table: no error, and nothing is taken for whole that is not."""
    run = record(here)
    send(here, run, remote, 20)
    late = remote.segments()[-1]
    data = late.read_bytes()
    late.unlink()
    assert pull(remote, there).unfinished == 1
    assert len(losses(there, run)) < STEPS
    late.write_bytes(data)
    assert pull(remote, there).unfinished == 0
    assert is_whole(there, run)


def damage(data: bytes) -> list[bytes]:
    """A file cut short, nothing, and one whose content is another's."""
    return [data[: len(data) // 2], b"", b"PAR1" + b"\xff" * (len(data) - 8) + b"PAR1"]


@pytest.mark.parametrize("way", range(3))
def test_a_damaged_segment_is_named(here: Path, there: Path, remote: Watched, way: int) -> None:
    """With what helps; other runs come, and so does this one once the file is whole."""
    run, other = record(here, "a"), record(here, "b")
    send(here, other, remote)
    send(here, run, remote, 20, 40)
    path = next(path for path in remote.segments() if "-000000000021-" in path.name)
    data = path.read_bytes()
    path.write_bytes(damage(data)[way])
    name = path.relative_to(remote.root).as_posix()
    with pytest.raises(StoreError, match=rf"{name} in .* is damaged: .*; take it from a backup"):
        pull(remote, there)
    assert is_whole(there, other)
    assert 0 < len(losses(there, run)) < STEPS
    path.write_bytes(data)
    pull(remote, there)
    assert is_whole(there, run)


def test_a_segment_in_another_place_is_damage(here: Path, there: Path, remote: Watched) -> None:
    """Neither another writer's rows come in under a path, nor another range's."""
    run, other = record(here, "a"), record(here, "b")
    send(here, run, remote, 20, 40)
    send(here, other, remote, 20, 40)
    [mine, *_], [*_, theirs] = (
        [path for path in remote.segments() if each.id in str(path)] for each in (run, other)
    )
    data = mine.read_bytes()
    mine.write_bytes(theirs.read_bytes())
    with pytest.raises(StoreError, match="rows of another writer"):
        pull(remote, there)
    mine.write_bytes(
        mine.with_name(
            mine.name.replace("000000000001-000000000020", "000000000021-000000000040")
        ).read_bytes()
    )
    with pytest.raises(StoreError, match="numbers beyond its range"):
        pull(remote, there)
    mine.write_bytes(data)
    pull(remote, there)
    assert is_whole(there, run)
    assert is_whole(there, other)


def test_files_in_use_stay_as_they_are(here: Path, there: Path, remote: Watched) -> None:
    """A replica that somebody holds is told and skipped; a live run of this machine is its own."""
    used, other = record(here, "used"), record(here, "other")
    everything(here, remote)
    pull(remote, there)
    late = record(here, "late")
    Api(here).run(used.id).rename("renamed")
    with otel_trackio.init("p", dir=here, id=other.id, resume="must", remote=str(remote.root)):
        everything(here, remote)
        edits = [path for path in remote.segments("events") if used.id in str(path)]
        newest = max(path.name.partition("-")[0] for path in edits)
        replica = layout.run_file(there, used.id, newest)
        held = Lease.take(layout.lock_file(replica))
        assert held is not None
        assert pull(remote, there).busy == (replica,)
        assert is_whole(there, late)
        assert pull(remote, here) == Pulled(runs=3)
        held.release()
    pull(remote, there)
    assert Api(there).run(used.id).name == "renamed"


def test_a_deleted_run_is_deleted_here_and_stays_so(
    here: Path, there: Path, remote: Watched
) -> None:
    """Only its tombstone is there then; it is read once, and the run does not come back."""
    run = record(here)
    everything(here, remote)
    pull(remote, there)
    Api(here).run(run.id).delete()
    everything(here, remote)
    assert len(remote.segments()) > 0
    for dir in (there, there.with_name("new"), here):
        assert pull(remote, dir).runs == 0
        remote.reads.clear()
        assert pull(remote, dir).runs == 0
        assert remote.reads == []
        assert Api(dir).runs() == []
        assert file_of(dir, run).stat().st_size < 20_000
    everything(there, remote)
    assert len({path.name.partition("-")[0] for path in remote.segments("events")}) == 2


def test_a_run_deleted_here_alone_does_not_come_back(
    here: Path, there: Path, remote: Watched
) -> None:
    """Though the remote, which has not been told yet, holds all of it."""
    run = record(here)
    everything(here, remote)
    pull(remote, there)
    Api(there).run(run.id).delete()
    assert pull(remote, there).runs == 0
    assert Api(there).runs() == []


def test_edits_of_a_replica_travel_back(here: Path, there: Path, remote: Watched) -> None:
    """Rename, move, tag, delete where it was pulled, then at the origin: who was last wins."""
    run, gone = record(here), record(here, "gone")
    everything(here, remote)
    pull(remote, there)
    copy = Api(there).run(run.id)
    copy.rename("better")
    copy.move("q")
    copy.tag(["best"])
    Api(there).run(gone.id).delete()
    everything(there, remote)
    pull(remote, here)
    facts = Api(here).run(run.id).facts()
    assert (facts.project, facts.name, facts.tags) == ("q", "better", ("best",))
    assert [each.id for each in Api(here).runs()] == [run.id]
    assert is_whole(here, run)
    Api(here).run(run.id).rename("best")
    everything(here, remote)
    pull(remote, there)
    pull(remote, there.with_name("third"))
    for dir in (here, there, there.with_name("third")):
        assert [(each.name, each.project) for each in Api(dir).runs()] == [("best", "q")]
        assert is_whole(dir, run)


def test_a_run_moved_elsewhere_is_pulled_by_its_new_project(
    here: Path, there: Path, remote: Watched
) -> None:
    """What a run is called is told by all of its events, wherever they came from."""
    run = record(here)
    everything(here, remote)
    pull(remote, there)
    Api(there).run(run.id).move("q")
    everything(there, remote)
    third = there.with_name("third")
    assert pull(remote, third, "p").runs == 0
    assert pull(remote, third, "q").runs == 1
    assert is_whole(third, run)


PULLING = """
import os, signal, sys, time
from pathlib import Path
from otel_trackio.pull import pull
from otel_trackio.remote import Folder
remote, there, more = Folder(Path(sys.argv[1])), Path(sys.argv[2]), float(sys.argv[3])
delay = more
while (child := os.fork()):
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)  # Until it is waited for, even of one that has ended.
    if os.WIFEXITED(status := os.waitpid(child, 0)[1]):
        sys.exit(status)
    delay += more
pull(remote, there)
"""


def test_a_pull_killed_at_any_time_goes_on(
    here: Path, there: Path, remote: Watched, size: Callable[[int, int], int]
) -> None:
    """`kill -9` again and again, later each time, until one ends: each number is there once."""
    runs = [record(here, f"r{n}") for n in range(3)]
    for run in runs:
        send(here, run, remote, 10, 20, 30, 40)
    more = size(30, 2) / 1000
    command = [sys.executable, "-c", PULLING, str(remote.root), str(there), str(more)]
    subprocess.run(command, check=True)
    for run in runs:
        assert is_whole(there, run)
        with StoredRun(layout.run_dir(there, run.id)) as stored:
            assert stored.standing().points == STEPS


def test_a_catalog_of_one_run_is_that_of_all(here: Path, remote: Watched) -> None:
    """Whichever way it is listed."""
    run, _ = record(here, "a"), record(here, "b")
    everything(here, remote)
    assert catalog(remote, run.id).of(run.id) == catalog(remote).of(run.id) != {}


def test_a_folder_is_listed_while_others_delete_there(remote: Watched) -> None:
    """What is gone before its size is asked is not in the list, and that is no error."""
    folder = remote.root / "data/v1/points/run=r"
    folder.mkdir(parents=True)
    done = threading.Event()

    def churn() -> None:
        while not done.is_set():
            for n in range(50):
                (folder / f"{n}.parquet").write_bytes(b"")
            for n in range(50):
                (folder / f"{n}.parquet").unlink()

    other = threading.Thread(target=churn)
    other.start()
    try:
        for _ in range(200):
            assert len(remote.list("data")) <= 50
    finally:
        done.set()
        other.join()

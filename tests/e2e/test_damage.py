"""Run files that are damaged, cut, foreign or newer: a clear error, and for that file alone."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

import otel_trackio
from otel_trackio import layout, recovery
from otel_trackio.errors import NewerFormat, StoreError, UnknownMetric
from otel_trackio.storedrun import StoredRun
from tests.e2e.directory import copied
from tests.e2e.promise import check_counted
from tests.e2e.puppet import Puppet
from tests.e2e.ring import cut, flip

STEPS = 2000


@pytest.fixture
def pair(puppet: Callable[..., Puppet]) -> tuple[Path, Path]:
    """The files of a run's two ranks. The first one's points are folded, but for the last few."""
    writers = [
        puppet(
            env={
                "OTEL_TRACKIO_RUN_ID": "pair",
                "OTEL_TRACKIO_RANK": str(rank),
                "OTEL_TRACKIO_FOLD_POINTS": "3000",
            }
        )
        for rank in range(2)
    ]
    files: list[Path] = []
    for rank, writer in enumerate(writers):
        writer.init("damage", config={"rank": rank})
        writer.log(0, STEPS)
        writer.do("flush", 60)
        writer.log(STEPS, STEPS + 10)
        (path,) = set(layout.run_files(Path(writer.do("path")))) - set(files)
        files.append(path)
    for writer in writers:
        writer.kill()
    return files[0], files[1]


def read_all(run: StoredRun) -> None:
    """Uses every way of reading there is."""
    with run.sources():
        run.facts()
        run.standing()
        for each in run.metrics():
            run.history(each.key, rank="all", all=True)
        run.frame()
        run.alerts()
    otel_trackio.Api(run.path.parents[1]).query([run], ["loss", "count"], max_points=50)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors of ours that name the path are what a user should see."""
    try:
        yield
    except StoreError as error:
        if str(path) not in str(error):
            raise


def check_harm(victim: Path, broken: bool) -> None:
    """Reading and recovering raise our own errors at most; the other rank's file still reads."""
    api = otel_trackio.Api(victim.parents[2])
    for attempt in range(2):
        with StoredRun(victim.parent) as run:
            # A damaged name may be that of a metric.
            with naming(victim.parent), suppress(UnknownMetric):
                read_all(run)
            if broken:
                assert list(run.damaged) == [victim]
                check_other(run)
        api.runs()
        if attempt == 0:
            with naming(victim):
                recovery.recover(victim)


def check_other(run: StoredRun) -> None:
    history = run.history("count", rank=1)
    assert history["value"].tolist() == list(range(STEPS + 10))


def test_damage_anywhere_in_a_file(
    pair: tuple[Path, Path], tmp_path: Path, size: Callable[[int, int], int]
) -> None:
    """Bytes that changed give a clear error or data, and never any other failure."""
    for _ in range(size(40, 3000)):
        victim = copied(pair[0], tmp_path / "copy")
        target = victim.with_suffix(random.choice((".db", ".db", ".db", ".db-wal", ".journal")))
        length = target.stat().st_size
        for _ in range(random.choice((1, 1, 10, 1000))):
            flip(target, random.randrange(length), random.randrange(1, 256))
        check_harm(victim, broken=False)
        shutil.rmtree(tmp_path / "copy")


def test_a_file_cut_anywhere(
    pair: tuple[Path, Path], tmp_path: Path, size: Callable[[int, int], int]
) -> None:
    """A file that lost its end gives a clear error or data, and never any other failure."""
    for _ in range(size(20, 500)):
        victim = copied(pair[0], tmp_path / "copy")
        target = victim.with_suffix(random.choice((".db", ".db", ".db-wal", ".journal")))
        cut(target, random.randrange(target.stat().st_size))
        check_harm(victim, broken=False)
        shutil.rmtree(tmp_path / "copy")


@pytest.mark.parametrize("attributes", ["otel_trackio.log", "[1]", ""])
def test_attributes_that_are_none(attributes: str, pair: tuple[Path, Path], tmp_path: Path) -> None:
    """A series whose attributes are no JSON object is damage of its file, which is named."""
    victim = copied(pair[0], tmp_path / "copy")
    with closing(sqlite3.connect(victim)) as db, db:
        db.execute("UPDATE series SET attributes = ?", (attributes,))
    check_harm(victim, broken=False)


@pytest.mark.parametrize("content", [b"", b"x", b"no database at all\n" * 1000, bytes(8192)])
def test_a_file_that_is_none(content: bytes, pair: tuple[Path, Path], tmp_path: Path) -> None:
    """What is no run file at all is named in a warning, and hides nothing of the run's others."""
    victim = copied(pair[0], tmp_path / "copy")
    for suffix in (".db-wal", ".db-shm"):
        victim.with_suffix(suffix).unlink(missing_ok=True)
    victim.write_bytes(content)
    check_harm(victim, broken=True)
    (run,) = otel_trackio.Api(tmp_path / "copy").runs()
    assert run.facts().config == {"rank": 1}


def test_a_foreign_database(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """A SQLite file of somebody else's is left alone, and said to be none of ours."""
    victim = copied(pair[0], tmp_path / "copy")
    for suffix in (".db", ".db-wal", ".db-shm"):
        victim.with_suffix(suffix).unlink(missing_ok=True)
    with sqlite3.connect(victim) as foreign:
        foreign.execute("CREATE TABLE meta (key, value)")
    foreign.close()
    check_harm(victim, broken=True)


def test_folded_values_are_never_silently_wrong(
    pair: tuple[Path, Path], tmp_path: Path, size: Callable[[int, int], int]
) -> None:
    """A byte that changed inside folded points is noticed: they are refused, not falsified."""
    with sqlite3.connect(pair[0]) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        blobs = [blob for (blob,) in db.execute("SELECT vals FROM chunk")]
        blobs += [blob for row in db.execute("SELECT steps, times FROM axis") for blob in row]
    db.close()
    content, unread, tries = pair[0].read_bytes(), 0, size(20, 1000)
    for _ in range(tries):
        blob = random.choice(blobs)
        # What spills into overflow pages does not lie in one piece: take what does. Pages that
        # are free may hold it too.
        piece, byte, bits = blob[:200], random.randrange(min(len(blob), 200)), random.randrange(8)
        victim = copied(pair[0], tmp_path / "copy")
        at = content.find(piece)
        assert at >= 0
        while at >= 0:
            flip(victim, at + byte, 1 << bits)
            at = content.find(piece, at + 1)
        with StoredRun(victim.parent) as run, naming(victim):
            check_counted(run, 0, STEPS + 10)
            unread += 1  # A bit that zlib does not look at.
        shutil.rmtree(tmp_path / "copy")
    assert unread < tries / 4


def test_a_newer_format(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """A file of a later version is refused with both versions and the remedy, and stays."""
    victim = copied(pair[0], tmp_path / "copy")
    with sqlite3.connect(victim) as later:
        later.execute("PRAGMA user_version = 99")
    later.close()
    before = victim.read_bytes()
    clear = r"format 99 is newer than this version reads \(\d+\); pip install -U otel-trackio"
    api = otel_trackio.Api(tmp_path / "copy")
    with pytest.raises(NewerFormat, match=clear):
        api.run("pair")
    with pytest.raises(NewerFormat, match=clear):
        recovery.recover(victim)
    assert api.runs() == []
    assert victim.read_bytes() == before
    assert layout.journal_file(victim).exists()


@pytest.mark.parametrize("how", ["garbage", "newer"])
def test_a_run_goes_on_beside_a_file_it_cannot_read(
    how: str, pair: tuple[Path, Path], puppet: Callable[..., Puppet]
) -> None:
    """A damaged or newer file of the same run does not keep a process from recording."""
    if how == "garbage":
        for path in pair:
            path.write_bytes(b"garbage" * 1000)
    else:
        with sqlite3.connect(pair[0]) as later:
            later.execute("PRAGMA user_version = 99")
        later.close()
    for env, options in (
        ({"OTEL_TRACKIO_RUN_ID": "pair"}, {}),
        ({}, {"id": "pair", "resume": "allow"}),
    ):
        writer = puppet(env=env)
        assert writer.init("damage", **options).startswith("pair")
        writer.log(0, 10)
        writer.finish()

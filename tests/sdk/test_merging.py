"""A writer merges what it has cut: a remote holds few files, and every row once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otel_trackio import ranges
from otel_trackio.card import card
from otel_trackio.errors import RemoteUnavailable
from otel_trackio.outbox import Outbox
from otel_trackio.place import place_of
from otel_trackio.push import MAX_FILES, push
from otel_trackio.ranges import MAX_NUMBERS, MAX_TEXT, MERGED, Range, Ranges
from otel_trackio.remote import Folder
from tests.fakes.faulty import Faulty
from tests.fakes.scribe import Scribe
from tests.rows import check_held, held, stored

DAY = 288
"""Cuts of a day, one each five minutes."""

MORNING = 3 * MERGED + 5
"""Those of some hours."""

Size = Callable[[int, int], int]


@pytest.fixture
def remote(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "remote")


@pytest.fixture
def outbox(tmp_path: Path, remote: Folder) -> Outbox:
    return Outbox(tmp_path / "here", remote.url)


@pytest.fixture
def scribe(tmp_path: Path) -> Iterator[Scribe]:
    made = Scribe(tmp_path / "here")
    yield made
    made.file.close()


def spans(remote: Folder) -> list[tuple[int, int]]:
    """The ranges that lie in the remote, each of which has a file of points."""
    places = [place_of(entry.path) for entry in remote.list("data/v1/points")]
    return sorted((each.first, each.last) for each in places if each)


def check_joined(remote: Folder, last: int) -> None:
    """The ranges follow one another from 1 to the last."""
    ends = [0, *(last for _, last in spans(remote))]
    assert [first for first, _ in spans(remote)] == [end + 1 for end in ends[:-1]]
    assert ends[-1] == last


def test_a_day_leaves_few_files(
    scribe: Scribe, outbox: Outbox, remote: Folder, tmp_path: Path, size: Size
) -> None:
    """After a cut and an upload each five minutes there are tens of files, with every row once."""
    for _ in range(cuts := size(MORNING, DAY)):
        scribe.points(30)
        outbox.cut(scribe.file)
        push(outbox, remote)
    scribe.event()
    outbox.cut(scribe.file)
    push(outbox, remote)
    assert len(spans(remote)) == cuts // MERGED**2 + cuts // MERGED % MERGED + cuts % MERGED + 1
    assert outbox.waiting() == []
    check_held(remote.root, stored(tmp_path / "here"))
    check_joined(remote, scribe.file.meta("next_seq") - 1)


def test_a_day_without_a_remote_leaves_few_files(
    scribe: Scribe, outbox: Outbox, remote: Folder, tmp_path: Path, size: Size
) -> None:
    """What was cut while nothing could be sent is merged before it is."""
    away = Faulty(remote, ["before"] * DAY)
    for _ in range(cuts := size(MORNING, DAY)):
        scribe.points(3)
        outbox.cut(scribe.file)
        with pytest.raises(RemoteUnavailable):
            push(outbox, away)
    away.faults.clear()
    assert push(outbox, away).files == len(remote.list("data"))
    assert len(spans(remote)) == cuts // MERGED**2 + cuts // MERGED % MERGED + cuts % MERGED
    check_held(remote.root, stored(tmp_path / "here"))


@pytest.mark.parametrize("fault", ["before", "amid", "after"])
def test_what_may_have_landed_is_replaced(
    fault: str, scribe: Scribe, outbox: Outbox, remote: Folder, tmp_path: Path
) -> None:
    """A segment whose upload failed, and that was merged since, is not there beside the merged."""
    remote.prepare(card)
    for _ in range(MERGED):
        scribe.points(3)
        scribe.event()
        outbox.cut(scribe.file)
        with pytest.raises(RemoteUnavailable):
            push(outbox, Faulty(remote, [fault]))
    push(outbox, remote)
    assert len(spans(remote)) == 1
    check_held(remote.root, stored(tmp_path / "here"))


def lands(outbox: Outbox, remote: Folder) -> None:
    """What was cut last reaches the remote, which nobody here learns of."""
    newest = outbox.parcels()[-1]
    if not newest.replaces:
        remote.commit({entry.path: outbox.path(entry) for entry in newest.files}, (), "lost")


def test_commits_stay_small(scribe: Scribe, remote: Folder, tmp_path: Path) -> None:
    """What one adds and deletes counts alike, and a range is in one with all its files.

    That is so, too, where a merge waits until it is merged itself: it takes with it what landed.
    """
    outbox = Outbox(tmp_path / "here", remote.url, merged=6)
    for _ in range(6 * 6):
        scribe.points(1)
        scribe.event()
        scribe.record()
        scribe.histogram()
        outbox.cut(scribe.file)
        lands(outbox, remote)
    assert len(spans(remote)) == 5 * 6
    noted = Faulty(remote)
    push(outbox, noted)
    assert spans(remote) == [(1, 4 * 6 * 6)]
    check_held(remote.root, stored(tmp_path / "here"))
    assert max(len(add) + len(delete) for add, delete in noted.commits) == MAX_FILES
    assert [len(add) for add, _ in noted.commits if add] == [4]


def test_points_come_last(scribe: Scribe, outbox: Outbox, remote: Folder, tmp_path: Path) -> None:
    """A range whose points are there is there whole, even where it has none."""
    noted = Faulty(remote)
    scribe.event()
    scribe.record()
    outbox.cut(scribe.file)
    push(outbox, noted)
    [(add, _)] = noted.commits
    assert [place.table for path in add if (place := place_of(path))] == [
        "events",
        "records",
        "points",
    ]
    check_held(remote.root, stored(tmp_path / "here"))


def test_large_ranges_are_merged_while_they_fit(scribe: Scribe) -> None:
    """However much is cut at once, no range is too large, and few are small for long."""
    for size in (1, 3_000, 20_000, 60_000, 100_000, MAX_NUMBERS):
        known: Ranges = ()
        whole = [Range(n * size + 1, (n + 1) * size) for n in range(DAY)]
        there: set[Range] = set()
        for cut in whole:
            known = ranges.with_cut(known, cut)
            there.add(cut)
            while ranges.being_merged(begun := ranges.with_merge_begun(known)):
                there -= set(ranges.being_merged(begun))
                there.add(begun[-1])
                known = ranges.with_merge_done(begun)
        kept = sorted(there, key=lambda each: each.first)
        assert [each.first for each in kept] == [1, *(each.last + 1 for each in kept[:-1])]
        assert kept[-1].last == DAY * size
        assert all(each.last - each.first < MAX_NUMBERS for each in kept)
        assert len(kept) <= 4 * MERGED + 2 * DAY * size / MAX_NUMBERS
        assert len(known) <= 8 * MERGED


def test_large_texts_are_cut_apart(
    scribe: Scribe, outbox: Outbox, remote: Folder, tmp_path: Path
) -> None:
    """Events, records and histograms are bounded by their bytes, but for a larger one."""
    for kind in (scribe.event, scribe.record, scribe.histogram):
        scribe.points(5)
        for size in (MAX_TEXT // 2, MAX_TEXT // 3, MAX_TEXT // 3, MAX_TEXT + 1):
            kind(size)
        scribe.points(1)
    outbox.cut(scribe.file)
    push(outbox, remote)
    check_held(remote.root, stored(tmp_path / "here"))
    check_joined(remote, scribe.file.meta("next_seq") - 1)
    texts = [row for table, rows in held(remote.root).items() if table != "points" for row in rows]
    for first, last in spans(remote):
        sizes = [len(text) for (_, number), text in texts if first <= number <= last]
        assert len(sizes) == 1 or sum(sizes) <= MAX_TEXT


def test_files_of_before_go_on(
    scribe: Scribe, outbox: Outbox, remote: Folder, tmp_path: Path
) -> None:
    """A file that was cut when there were no merges is merged from where it is."""
    scribe.points(50)
    outbox.cut(scribe.file)
    push(outbox, remote)
    with scribe.file.transaction():
        scribe.file.connection.execute("DELETE FROM meta WHERE key = ?", (outbox.cursor,))
    scribe.reopen()
    for _ in range(MERGED):
        scribe.points(5)
        outbox.cut(scribe.file)
        push(outbox, remote)
    assert spans(remote) == [(1, 50), (51, 50 + 5 * MERGED)]
    check_held(remote.root, stored(tmp_path / "here"))


def introductions(remote: Folder) -> list[bytes]:
    return [
        remote.read(entry.path)
        for entry in remote.list("data/v1/events")
        if (place := place_of(entry.path)) and place.first == 1
    ]


def test_a_writer_is_introduced_alike(scribe: Scribe, outbox: Outbox, tmp_path: Path) -> None:
    """Whoever cuts the first range again, later and in another process, writes the same bytes."""
    scribe.event()
    found: list[list[bytes]] = []
    for name in ("one", "two"):
        remote = Folder(tmp_path / name)
        outbox = Outbox(tmp_path / "here", remote.url)
        with scribe.file.transaction(durable=True):
            scribe.file.set_meta("heartbeat_ns", len(found))
            scribe.file.set_cursor(f"{outbox.cursor}:cutting", 1)
        outbox.cut_one(scribe.file)
        push(outbox, remote)
        found.append(introductions(remote))
        scribe.reopen()
    assert found[0] == found[1] != []

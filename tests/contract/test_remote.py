"""What every remote promises: a folder, a dataset in each mode of uploading, and a bucket."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from otel_trackio.card import card
from otel_trackio.errors import RemoteRefused
from otel_trackio.remote import Entry, Remote
from tests.contract import places
from tests.contract.places import (
    ABSENT,
    CARD,
    CONTENTS,
    ON_THE_HUB,
    PATHS,
    Place,
    held,
    plain_card,
    some,
)
from tests.contract.visitor import noise

# One process runs them all, so that each Hub starts once.
pytestmark = pytest.mark.xdist_group("hub")


@pytest.fixture(params=("folder", *ON_THE_HUB))
def place(request: pytest.FixtureRequest) -> Place:
    return places.place(request.param, request)


@pytest.fixture
def remote(place: Place) -> Remote:
    made: Remote = place.prepared()
    return made


def test_the_card_is_written_once(place: Place) -> None:
    """Preparing again is no error, and the README stays the one that is there."""
    for written in (plain_card, card):
        place.remote().prepare(written)
    assert place.remote().read("README.md") == CARD
    assert place.remote().list("data") == []


def test_what_is_not_there_lists_as_nothing(place: Place) -> None:
    """A place that was never made has no files, and neither has a folder that it lacks."""
    assert place.remote().list("data/v1") == []
    assert place.prepared().list("data/v1") == []


def test_what_is_committed_reads_back(place: Place, remote: Remote) -> None:
    """Every file is listed with its size, in the order of paths, and has the bytes it had."""
    remote.commit(place.local(CONTENTS), (), "points")
    assert remote.list("data") == [Entry(path, len(CONTENTS[path])) for path in PATHS[:5]]
    assert held(remote) == some(0, 1, 2, 3, 4)
    assert {*PATHS, "README.md"} <= {entry.path for entry in remote.list("")}
    assert remote.read(PATHS[5]) == CONTENTS[PATHS[5]]


PREFIXES = {
    "data/v1": (0, 1, 2, 3),
    "data/v1/": (0, 1, 2, 3),
    "data/v1/points/a": (1, 2),
    "data/v1/points/\u00e4 \u4e2d!2F": (3,),
    "data/v1/point": (),
    PATHS[0]: (),
}


def test_a_prefix_is_a_folder(place: Place, remote: Remote) -> None:
    """Only what lies in it is listed, and not what merely begins like it."""
    remote.commit(place.local(CONTENTS), (), "points")
    for prefix, numbers in PREFIXES.items():
        assert [entry.path for entry in remote.list(prefix)] == [PATHS[n] for n in numbers]


def test_a_commit_repeated_changes_nothing(place: Place, remote: Remote) -> None:
    """The same again is no error: all of it, a part, or with something new."""
    for numbers in ((0, 1), (0, 1), (1,), (1, 2)):
        remote.commit(place.local(some(*numbers)), (), "points")
    assert held(remote) == some(0, 1, 2)


def test_deleting_repeated_changes_nothing(place: Place, remote: Remote) -> None:
    """What is deleted is gone; to delete it again, or what never was, is no error."""
    remote.commit(place.local(some(0, 1, 2)), (), "points")
    for _ in range(2):
        remote.commit({}, [PATHS[1], ABSENT], "delete")
        assert held(remote) == some(0, 2)
    with pytest.raises(RemoteRefused):
        remote.read(PATHS[1])


def test_a_merge_adds_and_deletes(place: Place, remote: Remote) -> None:
    """One commit puts a file in place of others, and can be repeated like any other."""
    remote.commit(place.local(some(1, 2)), (), "points")
    for _ in range(2):
        remote.commit(place.local(some(0)), [PATHS[1], PATHS[2]], "merge")
        assert held(remote) == some(0)


def test_nothing_to_do_is_no_error(remote: Remote) -> None:
    """An empty commit leaves everything as it is."""
    before = remote.list("")
    remote.commit({}, (), "nothing")
    assert remote.list("") == before


def hint(act: Callable[[], object]) -> str:
    with pytest.raises(RemoteRefused) as error:
        act()
    return error.value.hint


def test_what_is_absent_is_refused(place: Place) -> None:
    """With a hint: to read from a place that is not there, to read no file, to add none."""
    assert hint(lambda: place.remote().read(ABSENT))
    remote = place.prepared()
    assert hint(lambda: remote.read(ABSENT))
    assert hint(lambda: remote.commit({PATHS[0]: place.files / "absent"}, (), "points"))


def test_no_path_leads_out(place: Place, remote: Remote) -> None:
    """A path that would is refused before anything is written."""
    assert hint(lambda: remote.commit(place.local({"../out": b"1"}), (), "points"))
    assert held(remote) == {}


def test_three_writers_at_once(place: Place) -> None:
    """Each one's files arrive, whoever commits meanwhile."""
    place.prepared()
    contents = {f"data/run=a/w{n}-{m}.parquet": noise(n, 99) for n in range(3) for m in range(2)}
    local = list(place.local(contents).items())

    def write(n: int) -> None:
        remote = place.remote()
        for path, file in local[2 * n : 2 * n + 2]:
            remote.commit({path: file}, (), "points")

    with ThreadPoolExecutor() as threads:
        list(threads.map(write, range(3)))
    assert held(place.remote()) == contents

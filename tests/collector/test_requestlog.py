"""The request log keeps what it acknowledged, in order, and counts exactly what it drops."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

import pytest

from otel_trackio.errors import NewerFormat, StoreBusy, StoreError
from otel_trackio_collector.requestlog import LogClosed, LogFull, RequestLog
from tests.collector.appender import body_of

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
MEMORY = Path("/dev/shm")
"""Where it is there, nobody waits for a disk."""

ALL = 1 << 30


@pytest.fixture
def log(tmp_path: Path) -> Iterator[RequestLog]:
    log = RequestLog(tmp_path / "requests.db")
    yield log
    log.close()


def append(log: RequestLog, *bodies: bytes, points: int = 1) -> list[int]:
    waiting = [log.append(body, points) for body in bodies]
    return [each.result(PATIENCE) for each in waiting]


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


# Acknowledgement


def test_what_is_appended_at_once_gets_numbers_in_order(log: RequestLog) -> None:
    """Senders that append together get different numbers, without gaps, each for its own body."""
    found: dict[int, bytes] = {}

    def send(sender: int) -> None:
        bodies = [body_of(sender * 100 + each) for each in range(50)]
        numbers = append(log, *bodies)
        assert numbers == sorted(numbers)
        found.update(zip(numbers, bodies, strict=True))

    senders = [threading.Thread(target=send, args=(each,)) for each in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sorted(found) == list(range(1, 401))
    assert {entry.number: entry.body for entry in log.read(0, ALL)} == found


def test_kill_9_loses_nothing_that_was_acknowledged(
    tmp_path: Path, size: Callable[[int, int], int]
) -> None:
    """Whenever the process is killed: every request it had acknowledged is there, as it was."""
    path = tmp_path / "requests.db"
    acknowledged: dict[int, int] = {}
    command = (sys.executable, "-m", "tests.collector.appender", "load", str(path))
    for kill in range(size(3, 30)):
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(50 + 37 * kill):
                number, seed = map(int, process.stdout.readline().split())
                acknowledged[number] = seed
            process.kill()
            for line in process.stdout:
                if line.endswith(b"\n"):
                    number, seed = map(int, line.split())
                    acknowledged[number] = seed
    log = RequestLog(path)
    held = {entry.number: entry.body for entry in log.read(0, ALL)}
    log.close()
    assert acknowledged.keys() <= held.keys()
    assert all(held[number] == body_of(seed) for number, seed in acknowledged.items())
    assert sorted(held) == list(range(1, max(held) + 1))


def test_closing_keeps_what_waits(tmp_path: Path) -> None:
    """What was appended before `close` is kept and acknowledged; what comes later is refused."""
    log = RequestLog(tmp_path / "requests.db")
    waiting = [log.append(body_of(each), 1) for each in range(100)]
    log.close()
    assert [each.result(0) for each in waiting] == list(range(1, 101))
    with pytest.raises(LogClosed):
        log.append(b"late", 1).result(PATIENCE)


def test_a_request_whose_sender_left_is_kept_whole_or_not_at_all(log: RequestLog) -> None:
    """A cancelled append leaves no hole in the numbers, and holds up nobody."""
    waiting: list[Future[int]] = [log.append(body_of(each), 1) for each in range(200)]
    for each in waiting[::2]:
        each.cancel()
    kept = [each.result(PATIENCE) for each in waiting if not each.cancelled()]
    assert kept == list(range(1, len(kept) + 1))
    assert [entry.number for entry in log.read(0, ALL)] == kept


# Reading


def test_reading_is_bounded_by_bytes(log: RequestLog) -> None:
    """A reader gets as much as it asks for, at least one request, and the rest after it."""
    append(log, *(body_of(each, 1_000) for each in range(10)))
    assert [entry.number for entry in log.read(0, 3_500)] == [1, 2, 3]
    assert [entry.number for entry in log.read(3, 10)] == [4]
    assert log.read(10, ALL) == []


def test_a_reader_waits_for_news(log: RequestLog) -> None:
    """`wait` returns at once where there is a request, else when one comes, or when time is up."""
    assert not log.wait(0, 0.01)
    woken = Future[bool]()
    reader = threading.Thread(target=lambda: woken.set_result(log.wait(0, PATIENCE)))
    reader.start()
    append(log, b"news")
    assert woken.result(PATIENCE)
    assert log.wait(0, 0)
    reader.join()


def test_what_all_have_sent_is_removed(log: RequestLog) -> None:
    """Once the last exporter has passed a request its room is free, and numbers go on."""
    first, second = log.cursor("first"), log.cursor("second")
    append(log, *(body_of(each) for each in range(3_000)))
    first.advance(3_000)
    assert len(log.read(0, ALL)) == 3_000
    second.advance(2_999)
    until(lambda: [entry.number for entry in log.read(0, ALL)] == [3_000])
    second.advance(3_000)
    until(lambda: log.size() == 0)
    assert append(log, b"more") == [3_001]


def test_numbers_are_never_given_twice(tmp_path: Path) -> None:
    """An empty log that is opened again goes on with the number after the last."""
    log = RequestLog(tmp_path / "requests.db")
    append(log, b"a", b"b")
    log.cursor("only").advance(2)
    log.close()
    log = RequestLog(tmp_path / "requests.db")
    until(lambda: log.size() == 0)
    log.close()
    log = RequestLog(tmp_path / "requests.db")
    assert append(log, b"c") == [3]
    log.close()


def test_a_new_exporter_starts_with_what_is_held(log: RequestLog) -> None:
    """It is given what waits for others; with nothing held it starts with the next request."""
    other = log.cursor("other")
    append(log, b"a", b"b")
    other.advance(1)
    until(lambda: len(log.read(0, ALL)) == 1)
    assert [entry.number for entry in log.cursor("new").read(ALL)] == [2]


def test_a_forgotten_exporter_holds_nothing(log: RequestLog) -> None:
    """One that was taken out of the configuration keeps no room, and is gone after a restart."""
    log.cursor("stays").advance(0)
    log.cursor("goes")
    append(log, b"a")
    assert log.names() == ["goes", "stays"]
    log.forget("goes")
    log.cursor("stays").advance(1)
    until(lambda: log.size() == 0)
    log.close()
    again = RequestLog(log.path)
    assert again.names() == ["stays"]
    again.close()


# Bounds


def test_the_oldest_is_dropped_only_for_those_that_have_not_sent_it(tmp_path: Path) -> None:
    """At the bound of bytes the slow exporter is charged each point, the quick one nothing."""
    log = RequestLog(tmp_path / "requests.db", max_bytes=50_000)
    quick, slow = log.cursor("quick"), log.cursor("slow")
    for each in range(100):
        [number] = append(log, body_of(each, 1_000), points=7)
        quick.advance(number)
    left = slow.read(ALL)
    assert quick.dropped == 0
    assert slow.dropped == 7 * (100 - len(left)) > 0
    assert log.size() <= 50_000
    assert [entry.number for entry in left] == list(range(101 - len(left), 101))
    log.close()


def test_the_file_stays_within_its_bound(tmp_path: Path) -> None:
    """With an exporter that is dead the file and its WAL grow no further than the bound allows."""
    log = RequestLog(tmp_path / "requests.db", max_bytes=4_000_000)
    log.cursor("dead")
    for each in range(300):
        append(log, body_of(each, 100_000))
    log.close()
    assert log.path.stat().st_size < 1.25 * 4_000_000


def test_what_waits_too_long_is_dropped_and_charged(tmp_path: Path) -> None:
    """Past the bound of age requests go, but none that is for an exporter never skipped."""
    log = RequestLog(tmp_path / "requests.db", max_age=0.1)
    dead, own = log.cursor("dead"), log.cursor("own", never_skipped=True)
    append(log, *(body_of(each) for each in range(1_500)), points=2)
    until(lambda: dead.dropped == 3_000)
    assert (own.dropped, len(own.read(ALL)), dead.lag().requests) == (0, 1_500, 0)
    own.advance(1_500)
    until(lambda: log.size() == 0)
    log.close()


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_clock_that_jumps_drops_nothing(
    log: RequestLog, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set by more than requests may wait, as at the start of a machine without a clock."""
    cursor = log.cursor("dead")
    for each in range(3):
        log.append(body_of(each), 1).result(PATIENCE)
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + int(hours * 3_600e9))
    for each in range(3, 6):
        log.append(body_of(each), 1).result(PATIENCE)
    assert [entry.number for entry in cursor.read(ALL)] == [1, 2, 3, 4, 5, 6]
    assert cursor.dropped == 0
    assert cursor.lag().age >= 0


def test_one_that_is_never_skipped_makes_the_log_refuse(tmp_path: Path) -> None:
    """Rather than lose what the own store has not applied the log takes nothing, until it moves."""
    log = RequestLog(tmp_path / "requests.db", max_bytes=10_000)
    own, other = log.cursor("own", never_skipped=True), log.cursor("other")
    append(log, *(body_of(each, 1_000) for each in range(9)))
    with pytest.raises(LogFull):
        append(log, body_of(9, 2_000))
    assert (own.dropped, other.dropped) == (0, 0)
    own.advance(4)
    assert append(log, body_of(10, 2_000)) == [10]
    assert (own.dropped, other.dropped) == (0, 2)
    log.close()


def test_what_an_exporter_holds_is_not_lost(tmp_path: Path) -> None:
    """What the bounds take while it is being sent counts as dropped only if it is not sent."""
    log = RequestLog(tmp_path / "requests.db", max_bytes=10_000)
    sends, gives_up = log.cursor("sends"), log.cursor("gives up")
    append(log, *(body_of(each, 1_000) for each in range(9)))
    assert len(sends.read(4_000)) == 4
    assert len(gives_up.read(4_000)) == 4
    append(log, *(body_of(each, 1_000) for each in range(9, 15)))
    assert sends.position == gives_up.position == 6
    sends.advance(4)
    assert sends.dropped == 2
    assert gives_up.dropped == 2
    assert [entry.number for entry in gives_up.read(1_000)] == [7]
    assert gives_up.dropped == 6
    log.close()


def test_an_exporter_may_read_ahead(tmp_path: Path) -> None:
    """What it read ahead of its position is in its hands all the while."""
    log = RequestLog(tmp_path / "requests.db", max_bytes=10_000)
    ahead = log.cursor("ahead")
    append(log, *(body_of(each, 1_000) for each in range(9)))
    first = ahead.read(2_000)
    second = ahead.read(2_000, after=first[-1].number)
    assert [entry.number for entry in [*first, *second]] == [1, 2, 3, 4]
    append(log, *(body_of(each, 1_000) for each in range(9, 14)))
    assert (ahead.position, ahead.dropped) == (5, 1)
    ahead.advance(4)
    assert (ahead.position, ahead.dropped) == (5, 1)
    log.close()


# Disks and files


@pytest.mark.needs_root
def test_a_full_disk_refuses_for_now_and_loses_nothing(tmp_path: Path) -> None:
    """Requests are refused retryably, exporters go on, and with room it takes them again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    run = f"{sys.executable} -m tests.collector.appender full '{disk}/requests.db'"
    script = f"mount -t tmpfs -o size=40m small '{disk}' && exec {run}"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], cwd=ROOT, capture_output=True, check=True
    )
    found = json.loads(done.stdout)
    taken = found["before"]
    assert taken > 20
    assert found["refused"]
    assert found["heads"] == [taken]
    assert found["after"] == list(range(taken + 1, taken + 11))
    assert found["position"] == found["head"] == taken + 10
    assert found["dropped"] == 0


def test_a_log_says_when_it_has_no_room(tmp_path: Path) -> None:
    """Not while one that is never skipped fills it; and by itself again once that moves on."""
    log = RequestLog(tmp_path / "requests.db", max_bytes=200_000)
    cursor = log.cursor("store", never_skipped=True)
    assert log.has_room()
    last = log.append(random.randbytes(150_000), 1).result(60)
    assert not log.has_room()
    cursor.advance(last)
    assert log.has_room()
    log.close()


def test_one_process_holds_the_log(log: RequestLog) -> None:
    """A second collector on the same log is told so."""
    with pytest.raises(StoreBusy, match=r"is in use; stop the other collector"):
        RequestLog(log.path)


def test_a_damaged_log_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """Nothing is begun over what may still be saved: it says how to start without it."""
    path = tmp_path / "requests.db"
    RequestLog(path).close()
    path.write_bytes(b"\x00" * 100 + path.read_bytes()[100:])
    damaged = path.read_bytes()
    with pytest.raises(StoreError, match=r"cannot open the request log .* move the file away"):
        RequestLog(path)
    assert path.read_bytes() == damaged
    path.rename(tmp_path / "damaged.db")
    RequestLog(path).close()


def test_damage_is_told_with_the_remedy(log: RequestLog) -> None:
    """What is met while it is at work is not passed over in silence."""
    log.append(b"a" * 1_000, 1).result(60)
    with closing(sqlite3.connect(log.path, isolation_level=None)) as other:
        other.execute("UPDATE request SET body = x'00'")
    with pytest.raises(StoreError, match=r"is damaged: .*; stop the collector, and move the file"):
        log.read(0, 1_000)


def test_what_is_no_log_is_left_alone(tmp_path: Path) -> None:
    """Another database, a text or a log of a later version is refused, and not changed."""
    other = tmp_path / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE mine (a)")
    connection.close()
    text = tmp_path / "text"
    text.write_text("no database at all, " * 100)
    for path in (other, text):
        before = path.read_bytes()
        with pytest.raises(StoreError):
            RequestLog(path)
        assert path.read_bytes() == before
    later = tmp_path / "later.db"
    RequestLog(later).close()
    connection = sqlite3.connect(later)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(NewerFormat, match="format 99 is newer"):
        RequestLog(later)


def test_bodies_are_stored_packed(log: RequestLog) -> None:
    """What repeats itself, as requests do, takes a fraction of its bytes."""
    log.cursor("dead")
    append(log, b"train.loss" * 10_000)
    assert log.size() < 1_000
    [entry] = log.read(0, ALL)
    assert entry.body == b"train.loss" * 10_000
    assert os.path.getsize(log.path) < 1_000_000

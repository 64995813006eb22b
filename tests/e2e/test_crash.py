"""A process may end at any instant, and what `log()` had taken is still there."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import otel_trackio
from otel_trackio.storedrun import StoredRun
from tests.e2e.directory import only_run, recover
from tests.e2e.pipe import Pipe
from tests.e2e.promise import check_counted, check_kept
from tests.e2e.puppet import Puppet
from tests.e2e.tally import Tally
from tests.e2e.worker import PATIENCE, Worker

SHAPES = {
    "OTEL_TRACKIO_JOURNAL_SIZE": ("64KiB", "256KiB", "16MiB"),
    "OTEL_TRACKIO_INTERVAL": ("0.01", "0.1", "1"),
    "OTEL_TRACKIO_FOLD_POINTS": ("1000", "65536"),
}
"""Settings under which a crash finds the files in different states."""


def wait_for(ready: Callable[[], bool]) -> None:
    """Returns as soon as `ready()` is true; fails if it never is."""
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.0005)


def has_made(tally: Tally, calls: int) -> bool:
    return tally.total() >= calls


@pytest.mark.parametrize("ending", ["SIGKILL", "SIGTERM", "os._exit"])
def test_what_log_took_outlives_the_process(
    ending: str,
    start: Callable[..., Worker],
    pipe: Callable[[], Pipe],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    size: Callable[[int, int], int],
) -> None:
    """However a process ends, every call of `log()` that returned is there, once and in order.

    Before anybody recovers it, after, and after its forked children have ended too.
    """
    for _ in range(size(5, 50) if ending == "SIGKILL" else size(1, 10)):
        folder = tmp_path_factory.mktemp("crash")
        monkeypatch.setenv("OTEL_TRACKIO_DIR", str(folder))
        tally, held, gone = Tally(folder / "tally"), pipe(), pipe()
        calls = int(10 ** random.uniform(0, 4))
        worker = start(
            "tight_loop",
            *(folder / "tally", calls if ending == "os._exit" else 0, held.reader, gone.writer),
            env={name: random.choice(values) for name, values in SHAPES.items()},
            inherited=(held.reader, gone.writer),
        )
        if ending == "os._exit":
            assert worker.wait() == 3
        else:
            wait_for(partial(has_made, tally, calls))
            number = signal.Signals[ending]
            assert worker.kill(number) == -number

        state = "failed" if ending == "SIGTERM" else "crashed"
        assert only_run().standing().state == state
        check_kept(only_run(), tally)
        recover(only_run())
        check_kept(only_run(), tally)
        held.close(held.writer)
        gone.wait_until_unheld()
        check_kept(only_run(), tally)
        assert only_run().standing().state == state


def test_a_journal_that_cannot_be_mapped(
    start: Callable[..., Worker], pipe: Callable[[], Pipe], tmp_path: Path
) -> None:
    """Where a file system maps no files the journal is written, and holds the same promise."""
    tally, held, gone = Tally(tmp_path / "tally"), pipe(), pipe()
    ends = (held.reader, gone.writer)
    worker = start(
        *("tight_loop", tmp_path / "tally", 0, *ends, "unmappable"),
        env={"OTEL_TRACKIO_INTERVAL": "0.01"},
        inherited=ends,
    )
    wait_for(partial(has_made, tally, 10_000))
    worker.kill()
    check_kept(only_run(), tally)
    recover(only_run())
    check_kept(only_run(), tally)


def test_a_start_may_be_killed_at_any_instant(
    start: Callable[..., Worker],
    puppet: Callable[..., Puppet],
    size: Callable[[int, int], int],
) -> None:
    """Whatever a killed `init()` leaves behind, runs can be listed and the run can go on."""
    for _ in range(size(5, 100)):
        worker = start("restless", piped=True)
        worker.hears("ready")
        time.sleep(random.uniform(0, 0.2))  # The instant; nobody waits for anything here.
        worker.kill()
        otel_trackio.Api().runs()
    later = puppet()
    later.init("crash", id="restless", resume="allow")
    later.log(0, 10)
    later.finish()
    check_counted(only_run(), 0, 10)


def test_an_end_may_be_killed_at_any_instant(
    puppet: Callable[..., Puppet], size: Callable[[int, int], int]
) -> None:
    """A process that is killed while it finishes loses nothing, and nothing is there twice."""
    for number in range(size(4, 100)):
        doomed = puppet(env={"OTEL_TRACKIO_INTERVAL": "3600"})
        doomed.init("crash", id=f"ending-{number}")
        doomed.log(0, 20_000)
        doomed.begin("finish", 0, 60)
        time.sleep(random.uniform(0, 0.3))  # The instant; nobody waits for anything here.
        doomed.kill()
        run = otel_trackio.Api().run(f"ending-{number}")
        check_counted(run, 0, 20_000)
        recover(run)
        check_counted(run, 0, 20_000)
        assert run.standing().state in ("crashed", "finished")


def test_instruments_lose_one_interval_at_most(puppet: Callable[..., Puppet]) -> None:
    """Of what instruments measured, a killed process loses only what came last.

    Once the next collection has begun, measurements are safe; of later ones, the first are.
    """
    doomed = puppet(env={"OTEL_TRACKIO_INTERVAL": "0.2"})
    doomed.init("crash")
    doomed.do("gauge", "early", list(range(1000)))
    doomed.do("await_collections", 3)
    doomed.do("gauge", "late", list(range(1000)))
    doomed.kill()
    recover(only_run())
    assert only_run().history("early", all=True)["value"].tolist() == list(range(1000))
    late = [each.count for each in only_run().metrics() if each.key == "late"]
    if late:
        assert only_run().history("late", all=True)["value"].tolist() == list(range(*late))


def test_a_reader_never_unsees(
    start: Callable[..., Worker], pipe: Callable[[], Pipe], tmp_path: Path
) -> None:
    """Who reads a run sees no point go away: not while it is drained, folded, or recovered."""
    tally, held, gone = Tally(tmp_path / "tally"), pipe(), pipe()
    worker = start(
        "tight_loop",
        *(tmp_path / "tally", 0, held.reader, gone.writer),
        env={name: values[0] for name, values in SHAPES.items()},
        inherited=(held.reader, gone.writer),
    )
    wait_for(partial(has_made, tally, 1))
    run, seen = only_run(), 0
    while seen < 10_000:
        before = tally.returned(0)
        seen = check_grown(run, max(seen, before))
    worker.kill()
    seen = check_grown(run, tally.returned(0))
    rescuer = start("rescuer")
    while rescuer.alive:
        seen = check_grown(run, seen)
    check_grown(run, seen)


def check_grown(run: StoredRun, least: int) -> int:
    """Thread 0's calls are all there, from the first on, and at least so many."""
    values = run.history("own/0", all=True)["value"].tolist() if least else []
    assert len(values) >= least
    assert values == list(range(len(values)))
    return len(values)

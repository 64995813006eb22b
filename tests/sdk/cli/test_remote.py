"""What a remote holds, and whether it is sound: remote ls, verify and merge."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import otel_trackio
from otel_trackio import Api, Run
from otel_trackio.errors import RemoteUnavailable
from otel_trackio.extract import extract
from otel_trackio.merge import merge
from otel_trackio.place import TABLES
from otel_trackio.runfile import RunFile
from otel_trackio.segment import encode, tables
from tests.fakes.faulty import Faulty
from tests.fakes.watched import STEPS, Watched, everything, file_of, is_whole, live, record, send

if TYPE_CHECKING:
    from tests.sdk.cli.conftest import Program

PIECES = (10, 20, 30, 40)


def rows(remote: Watched) -> list[Any]:
    """Every row of every table, in an order of its own."""
    found = []
    for table in TABLES:
        files = remote.segments(table)
        lines = [row for path in files for row in pq.read_table(path).to_pylist()]
        found += sorted((table, repr(row)) for row in lines)
    return found


def all_of(remote: Watched) -> dict[str, bytes]:
    return {entry.path: remote.read(entry.path) for entry in remote.list("data")}


def with_everything(dir: Path, name: str) -> Run:
    """A run with a row in every table, and in them what is hard to keep."""
    with otel_trackio.init("p", name, dir=dir, mode="offline") as run:
        for step in range(STEPS):
            odd = (float("nan"), 2**70, -0.0, 7)[step % 4]
            run.log({"loss": 1 / (step + 1), "n": step, "odd": odd, f"k{step % 3}": 0.5})
            if step % 20 == 0:
                run.log({"w": otel_trackio.Histogram([step, 1.0])})
                run.alert("look", str(step))
    return run


def test_ls_tells_what_is_there(own: Program, remote: Watched, url: str) -> None:
    """Project, name, state, files and bytes of every run, the newest last."""
    assert own.refusal("remote", "ls") == (
        1,
        f"error: no runs in {url}; check its name, and that you may read what is there",
    )
    first, second = record(own.dir, "a"), record(own.dir, "b", "q")
    everything(own.dir, remote)
    lines = own("remote", "ls", url).splitlines()
    assert lines[0].split() == ["STATE", "RUN", "ID", "WRITERS", "FILES", "SIZE", "NEWEST"]
    assert [line.split()[:3] for line in lines[1:]] == [
        ["finished", "p/a", first.id],
        ["finished", "q/b", second.id],
    ]
    a, b = own.json("remote", "ls")
    paths = [entry for entry in remote.list("data") if f"/{first.id}/" in entry.path]
    assert (a["id"], a["project"], a["name"], a["state"]) == (first.id, "p", "a", "finished")
    assert (a["writers"], a["files"]) == (1, len(paths))
    assert a["bytes"] == sum(entry.size for entry in paths)
    assert a["newest"] < b["newest"]


def test_ls_tells_how_runs_do(own: Program, remote: Watched, url: str) -> None:
    """As they stand there: one that goes on runs; a deleted one is counted, and not shown."""
    with pytest.raises(MemoryError), otel_trackio.init("p", "fails", dir=own.dir):
        raise MemoryError
    gone = record(own.dir, "gone")
    everything(own.dir, remote)
    run = live(own.dir, remote)
    Api(own.dir).run(gone.id).delete()
    everything(own.dir, remote)
    states = {each["name"]: each["state"] for each in own.json("remote", "ls")}
    assert states == {"fails": "failed", "live": "running"}
    assert own.run("remote", "ls").stderr == "1 deleted run not shown\n"
    run.finish()
    assert own.json("remote", "ls")[-1]["state"] == "finished"


def test_a_run_that_did_not_end_is_doubtful_then_crashed(
    own: Program, remote: Watched, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is late may still come; what is an hour old will not."""
    run = live(own.dir, remote)
    now = time.time_ns()
    for seconds, state in ((600, "running"), (1200, "running?"), (4000, "crashed")):
        monkeypatch.setattr(time, "time_ns", lambda at=now + seconds * 10**9: at)
        assert own.json("remote", "ls")[0]["state"] == state
    monkeypatch.undo()
    run.finish()


def test_verify_reads_all_of_it(own: Program, remote: Watched, url: str) -> None:
    """And says how much that was."""
    with_everything(own.dir, "a")
    record(own.dir, "b")
    everything(own.dir, remote)
    found = own.json("remote", "verify")
    entries = remote.list("data")
    assert (found["runs"], found["writers"], found["problems"]) == (2, 2, [])
    assert (found["files"], found["bytes"]) == (len(entries), sum(e.size for e in entries))
    assert found["points"] == ds.dataset(remote.root / "data/v1/points").count_rows()
    assert own("remote", "verify").endswith(f"{found['points']} points of 2 runs: all is well\n")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def another_column(path: Path) -> None:
    table = pq.read_table(path)
    pq.write_table(table.append_column("more", table["seq"]), path)


def a_row_less(path: Path) -> None:
    pq.write_table(pq.read_table(path)[1:], path)


def a_row_twice(path: Path) -> None:
    table = pq.read_table(path)
    pq.write_table(table.take([*range(1, len(table)), 1]), path)


@pytest.mark.parametrize(
    ("spoil", "what", "remedy"),
    [
        (truncate, "is damaged", "take it from a backup"),
        (Path.unlink, "the numbers 21-30 of writer", "otel-trackio sync on the machine"),
        (a_row_less, "1 of 21-30 of writer", "otel-trackio sync on the machine"),
        (a_row_twice, "a number is there twice", "take it from a backup"),
        (another_column, "has not the columns of points", "pip install -U"),
    ],
)
def test_verify_names_what_is_wrong(
    own: Program,
    remote: Watched,
    url: str,
    spoil: Callable[[Path], Any],
    what: str,
    remedy: str,
) -> None:
    """Each problem with what helps; the rest is verified all the same."""
    run = record(own.dir, "a")
    send(own.dir, run, remote, *PIECES)
    send(own.dir, record(own.dir, "b"), remote)
    [path] = [path for path in remote.segments() if "-000000000021-" in path.name]
    spoil(path)
    ran = own.run("remote", "verify", "--json")
    assert ran.exit_code == 1
    [problem] = json.loads(ran.stdout)["problems"]
    assert what in problem["what"]
    assert problem["remedy"].startswith(remedy)
    told = own.run("remote", "verify").stdout.splitlines()
    assert told[0].endswith(" of 2 runs: 1 problem")
    assert told[1:] == [f"  {problem['what']}; {problem['remedy']}"]


def test_verify_misses_the_card(own: Program, remote: Watched, url: str) -> None:
    """Without it nobody but us can read what is there by name."""
    record(own.dir)
    everything(own.dir, remote)
    (remote.root / "README.md").unlink()
    ran = own.run("remote", "verify")
    assert ran.exit_code == 1
    assert f"README.md is missing in {url}; the next sync writes it" in ran.stdout


def test_a_merge_keeps_every_row(own: Program, remote: Watched, url: str) -> None:
    """Few files of many, with the same rows; and again, nothing is left to do."""
    run = with_everything(own.dir, "a")
    send(own.dir, run, remote, *range(10, 200, 10))
    before = rows(remote)
    done = own.json("remote", "merge")
    assert (done["runs"], done["live"], done["broken"], done["added"]) == (1, 0, 0, 4)
    assert rows(remote) == before
    assert len(remote.list("data")) == 4
    merged = all_of(remote)
    assert own("remote", "merge") == f"{url}: nothing to merge\n"
    assert all_of(remote) == merged
    assert own.json("remote", "verify")["problems"] == []


def test_a_merge_gives_what_one_cut_would(own: Program, remote: Watched, url: str) -> None:
    """To the byte, whatever it is merged from: so whoever merges puts the same there."""
    run = with_everything(own.dir, "a")
    file = RunFile.open(file_of(own.dir, run))
    last = file.meta("next_seq") - 1
    whole = {name: encode(table) for name, table in tables(extract(file, 1, last)).items()}
    file.close()
    contents = []
    for pieces in (PIECES, (55,)):
        each = Watched(remote.root / str(len(pieces)))
        send(own.dir, run, each, *pieces)
        merge(each)
        contents.append(all_of(each))
    assert contents[0] == contents[1]
    for name, data in whole.items():
        if name != "events":  # Those begin with what introduces the writer.
            assert data in contents[0].values()


def test_a_merge_is_sorted_as_a_segment_is(own: Program, remote: Watched, url: str) -> None:
    """By series, then number, so that a reader of one series reads little."""
    run = with_everything(own.dir, "a")
    send(own.dir, run, remote, *PIECES)
    own("remote", "merge")
    [points] = remote.segments()
    found = [(row["key"], row["scope"], row["seq"]) for row in pq.read_table(points).to_pylist()]
    assert found == sorted(found)


def test_merges_are_as_large_as_segments_get(
    own: Program, remote: Watched, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No larger, so that whoever reads one needs no more memory; what is full stays as it is."""
    monkeypatch.setattr("otel_trackio.merge.MAX_NUMBERS", 25)
    run = record(own.dir)
    send(own.dir, run, remote, *PIECES)
    before = rows(remote)
    own("remote", "merge")
    names = [path.name.partition("-")[2] for path in remote.segments()]
    assert names == [
        "000000000001-000000000020.parquet",
        "000000000021-000000000040.parquet",
        "000000000041-000000000063.parquet",
    ]
    assert rows(remote) == before
    assert own("remote", "merge") == f"{url}: nothing to merge\n"


def test_a_run_that_goes_on_is_not_merged(own: Program, remote: Watched, url: str) -> None:
    """Its own process merges what it sends; it is counted."""
    run = live(own.dir, remote)
    run.log({"x": 2})
    assert run.sync_now(60)
    before = all_of(remote)
    ran = own.run("remote", "merge")
    assert ran.stderr == "left alone, as more may come: 1 run\n"
    assert all_of(remote) == before
    run.finish()
    assert own.json("remote", "merge")["live"] == 0


@pytest.mark.parametrize("fault", ["before", "amid", "after"])
def test_a_merge_that_fails_loses_nothing(
    own: Program, remote: Watched, url: str, fault: str
) -> None:
    """Whenever it does, all rows are there, and the next one completes it."""
    run, other = with_everything(own.dir, "a"), record(own.dir, "b")
    for each in (run, other):
        send(own.dir, each, remote, *PIECES)
    before = rows(remote)
    with pytest.raises(RemoteUnavailable):
        merge(Faulty(remote, [fault]))
    assert own.run("remote", "verify").exit_code == 0
    own("pull", url, "--dir", str(own.dir / "between"))
    assert is_whole(own.dir / "between", other)
    own("remote", "merge")
    assert rows(remote) == before
    assert len(remote.segments()) == 2
    assert own.json("remote", "verify")["spare"] == 0


def test_what_is_not_whole_is_not_merged_away(own: Program, remote: Watched, url: str) -> None:
    """Neither what follows a gap, nor small segments whose large one is damaged."""
    gap, spoiled = record(own.dir, "a"), record(own.dir, "b")
    send(own.dir, gap, remote, *PIECES)
    send(own.dir, spoiled, remote, *PIECES)
    small = {path: path.read_bytes() for path in remote.segments() + remote.segments("events")}
    own("remote", "merge")
    for path, data in small.items():
        path.write_bytes(data)
    large = [path for path in remote.segments() if "-000000000001-000000000063" in path.name]
    for path in large:
        truncate(path)
    next(path for path in small if gap.id in str(path) and "-000000000021-" in path.name).unlink()
    ran = own.run("remote", "merge")
    assert "not whole: 1 writer" in ran.stderr
    kept = {path.name for path in remote.segments() if gap.id in str(path)}
    assert any("-000000000031-" in name for name in kept)
    own.run("pull", url, "--dir", str(own.dir / "there"))
    assert is_whole(own.dir / "there", spoiled)


def test_without_a_command_it_says_which_there_are(own: Program) -> None:
    """As the program itself does."""
    assert [word for word in ("ls", "merge", "verify") if f"  {word} " in own("remote")] == [
        "ls",
        "merge",
        "verify",
    ]


def test_a_remote_has_to_be_named(own: Program) -> None:
    """On the line, or by the settings."""
    for command in (("ls",), ("verify",), ("merge",)):
        assert own.refusal("remote", *command) == (
            2,
            "error: no remote is named; give REMOTE, or set OTEL_TRACKIO_REMOTE",
        )
    assert own.refusal("rm", "--remote", "a")[1].startswith("error: no remote is named; give --rem")

"""Looking at runs: ls, info and alerts."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import otel_trackio
from otel_trackio import Api
from otel_trackio.api import MAX_OPEN
from otel_trackio.edit import add_event
from otel_trackio.layout import run_dir

if TYPE_CHECKING:
    from tests.sdk.cli.conftest import Program


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_ls_shows_one_line_a_run_the_newest_last(program: Program) -> None:
    """State, name, last step, points, age, duration and tags; ids where names repeat."""
    heading, *lines = program("ls").splitlines()
    assert heading.split() == ["STATE", "RUN", "ID", "STEP", "POINTS", "STARTED", "TOOK", "TAGS"]
    shown = [line.split() for line in lines]
    assert shown[0][:4] == ["finished", "digits/small", "99", "204"]
    assert shown[0][-2:] == ["baseline,", "short"]
    assert shown[2][:2] == ["failed", "words/fails"]
    same = [line for line in shown if line[1] == "words/same"]
    ids = [run.id for run in Api(program.dir).runs("words") if run.facts().name == "same"]
    assert [line[2] for line in same] == ids
    assert [line[1] for line in shown][-1] == "words/ranks"


def test_ls_json_says_the_same_exactly(program: Program) -> None:
    """Every run with its identity, state, extent, times and what is missing."""
    small, odd = program.json("ls", "digits")
    run = Api(program.dir).run("small")
    assert small["id"] == run.id
    assert (small["project"], small["name"], small["group"]) == ("digits", "small", "rates")
    assert (small["state"], small["error"]) == ("finished", None)
    assert (small["attempt"], small["ranks"]) == (1, [0])
    assert (small["last_step"], small["points"]) == (99, 204)
    assert small["tags"] == ["baseline", "short"]
    assert (small["counts"], small["torn"], small["damaged"]) == ({}, False, [])
    assert Path(small["path"]) == run.path
    started, ended = (datetime.fromisoformat(small[name]) for name in ("started", "ended"))
    assert (ended - started).total_seconds() == pytest.approx(small["seconds"], abs=1e-5)
    assert odd["started"] > small["started"]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("--state", "failed"), ["fails"]),
        (("--tag", "short"), ["small"]),
        (("--limit", "1"), ["ranks"]),
        (("digits", "--limit", "1"), ["odd"]),
        (("digits", "--state", "crashed"), []),
    ],
)
def test_ls_leaves_out_what_was_not_asked_for(
    program: Program, arguments: tuple[str, ...], names: list[str]
) -> None:
    """By project, state and tag, and no more than the latest so many."""
    assert [each["name"] for each in program.json("ls", *arguments)] == names


def test_ls_of_nothing_is_no_error(own: Program) -> None:
    """It says where it looked, on standard error, and how to get something to see."""
    ran = own.run("ls")
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert ran.stderr == f"no runs in {own.dir}; otel-trackio demo records some\n"
    assert own.json("ls") == []
    assert own.run("ls", "--state", "failed").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tag", "nope"), "no runs with tag nope"),
        (("digits", "--state", "crashed"), "no runs in digits with state crashed"),
        (("--tag", "nope", "--state", "failed"), "no runs with state failed and tag nope"),
    ],
)
def test_ls_says_what_it_was_asked_for_and_did_not_find(
    program: Program, arguments: tuple[str, ...], said: str
) -> None:
    """So that a tag misspelt is seen."""
    ran = program.run("ls", *arguments)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", f"{said}\n")


def test_ls_and_info_say_what_is_missing(own: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values that were skipped are counted where the run is shown."""
    monkeypatch.delenv("OTEL_TRACKIO_RAISE")
    with otel_trackio.init("p", "gappy", dir=own.dir) as run:
        run.log({"x": 1, "y": "text"})
        run.alert("odd", level="terrible")  # type: ignore[arg-type]
    assert "1 skipped: unsupported" in own("ls")
    told = own("info", "gappy")
    assert "  missing    1 skipped: unsupported\n" in told
    assert "  noticed    1 bad alert\n" in told
    assert "bad alert" not in own("ls")
    assert own.json("info", "gappy")["counts"] == {"skipped.unsupported": 1, "bad_alert": 1}


def test_a_damaged_file_hides_nothing_else(own: Program) -> None:
    """A run of two writers, one of them destroyed, is shown with what is left and what is not."""
    for _ in range(2):
        with otel_trackio.init("p", "half", id="half", resume="allow", dir=own.dir) as run:
            run.log({"x": 1})
    destroyed = sorted(Api(own.dir).run("half").path.glob("*.db"))[1]
    destroyed.write_bytes(b"nothing like a database" * 1000)
    ran = own.run("ls")
    assert "1 file damaged" in ran.stdout
    assert ran.stderr.startswith(f"warning: cannot read {destroyed}")
    (damaged,) = own.json("info", "half")["damaged"]
    assert damaged["path"] == str(destroyed)


def test_info_shows_everything(program: Program) -> None:
    """Facts, config with its keys joined, summary, metrics with their extremes, and alerts."""
    shown = program("info", "digits/small")
    assert shown.startswith("digits/small\n")
    facts = dict(line.split(None, 1) for line in shown.splitlines() if line.startswith("  "))
    assert (facts["state"], facts["group"]) == ("finished", "rates")
    assert (facts["tags"], facts["notes"]) == ("baseline, short", "the first")
    assert facts["model.hidden"] == "[64, 64]"
    assert (facts["lr"], facts["best"]) == ("0.1", "0.5")
    assert ["train/loss", "0.01", "99", "0.01", "1", "100"] in rows(shown)
    odd = program("info", "odd")
    assert "error" in odd.splitlines()[-1]
    assert odd.splitlines()[-1].endswith("loss is NaN: since step 0")


def test_info_tells_what_a_run_died_of(program: Program) -> None:
    """The exception is beside the state."""
    assert "failed: MemoryError: no room\n" in program("info", "fails")
    assert program.json("info", "fails")["error"] == "MemoryError: no room"


def test_info_tells_the_exit_code_of_a_run_that_failed(own: Program) -> None:
    """Where there was no exception, that is all there is to tell."""
    with otel_trackio.init("p", "bad", dir=own.dir) as run:
        run.finish(exit_code=3)
    assert "failed: exit code 3\n" in own("info", "bad")


def test_a_run_of_a_later_version_hides_no_other(own: Program) -> None:
    """It is named in a warning, with what to do."""
    for name in ("new", "old"):
        with otel_trackio.init("p", name, dir=own.dir) as run:
            assert run.path is not None
    file = next(Api(own.dir).run("new").path.glob("*.db"))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    ran = own.run("ls", "--json")
    assert [each["name"] for each in json.loads(ran.stdout)] == ["old"]
    assert ran.stderr.startswith(f"warning: cannot open {file}: format 99 is newer")
    assert ran.stderr.endswith("; pip install -U otel-trackio\n")


def test_there_may_be_more_runs_than_files_that_may_be_open(own: Program) -> None:
    """All are found, and only so many stay open."""
    for number in range(MAX_OPEN + 10):
        about = {"name": f"run-{number}", "project": "p"}
        add_event(run_dir(own.dir, f"id-{number}"), f"id-{number}", 0, "run", about)
    api = Api(own.dir)
    assert len(api.runs("p")) == MAX_OPEN + 10
    held = {each for each in open_files() if each.startswith(str(own.dir))}
    assert len({each for each in held if each.endswith(".db")}) == MAX_OPEN


def open_files() -> Iterator[str]:
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # The listing's own is closed again.
            yield os.readlink(f"/proc/self/fd/{descriptor}")


def test_info_json_holds_the_metrics_exactly(program: Program) -> None:
    """Numbers as the Python API has them; what is not finite is text."""
    found = program.json("info", "odd")
    stored = {metric.key: metric for metric in Api(program.dir).run("odd").metrics()}
    metrics = {each["key"]: each for each in found["metrics"]}
    assert metrics.keys() == stored.keys()
    assert metrics["odd, value"]["last"] == -(2**63)
    assert metrics["odd, value"]["nonfinite"] == stored["odd, value"].nonfinite == 3
    assert program.json("info", "small")["config"]["model"] == {"hidden": [64, 64], "name": "mlp"}
    assert found["alerts"] == program.json("alerts", "odd")


@pytest.mark.parametrize("how", ["id", "beginning", "title", "name"])
def test_a_run_answers_to_its_id_and_names(program: Program, how: str) -> None:
    """The whole id, enough of its beginning, `project/name`, or name."""
    run = Api(program.dir).run("small")
    beginning = next(
        run.id[:length]
        for length in range(6, 27)
        if sum(each.id.startswith(run.id[:length]) for each in Api(program.dir).runs()) == 1
    )
    name = {"id": run.id, "beginning": beginning, "title": "digits/small", "name": "small"}[how]
    assert program.json("info", name)["id"] == run.id


def test_an_ambiguous_run_is_answered_with_ids(program: Program) -> None:
    """Whether it is a name that two runs have, or the beginning of several ids."""
    ids = [run.id for run in Api(program.dir).runs() if run.facts().name == "same"]
    status, line = program.refusal("info", "same")
    assert (status, line) == (
        1,
        f"error: 'same' may be 2 runs; give one of the ids {ids[0]}, {ids[1]}",
    )
    assert "give one of the ids" in program.refusal("info", ids[0][:6])[1]
    short = ids[0][:5]
    status, line = program.refusal("info", short)
    assert (status, line) == (1, f"error: no run {short!r}; ids need six characters")


def test_alerts_are_listed_by_time(program: Program) -> None:
    """Of all runs, of a project, or of one; the level, step and text are told."""
    everything = program.json("alerts")
    assert [each["title"] for each in everything] == ["loss is NaN", "out of memory soon"]
    first = everything[0]
    assert (first["project"], first["name"], first["level"]) == ("digits", "odd", "error")
    assert (first["step"], first["text"]) == (0, "since step 0")
    assert program.json("alerts", "words") == program.json("alerts", "fails") == everything[1:]
    assert program("alerts", "odd").splitlines()[1].endswith("loss is NaN: since step 0")
    none = program.run("alerts", "small")
    assert (none.exit_code, none.stdout, none.stderr) == (0, "", "no alerts\n")


def test_json_is_one_document_without_nan(program: Program) -> None:
    """Strict parsers read it: NaN and infinities are text."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    for arguments in (("ls",), ("info", "odd"), ("get", "odd", "odd, value"), ("alerts",)):
        json.loads(program(*arguments, "--json"), parse_constant=refuse)


def test_near_names_are_told_by_project_and_name(own: Program) -> None:
    """Both may hold a slash; in a project that is right, the name alone tells how near it is."""
    for project, name in (("a/b", "first"), ("a/b", "other"), ("a", "b/furst"), ("c", "first")):
        otel_trackio.init(project, name, dir=own.dir).finish()
    for asked, said in {
        "a/b/firts": "no run 'a/b/firts'; did you mean a/b/first or a/b/furst or c/first?",
        "a/b/zzzzz": "no run 'a/b/zzzzz'; otel-trackio ls shows what there is",
        "firs": "no run 'firs'; did you mean a/b/first or c/first or a/b/furst?",
        "c/other": "no run 'c/other'; did you mean a/b/other?",
        "a/b": "'a/b' is a project; otel-trackio ls a/b",
    }.items():
        assert own.refusal("info", asked) == (1, f"error: {said}")


def test_an_api_closes_what_it_opened(own: Program) -> None:
    """After `with`, or close(), no file is open; what it found can be read again."""
    otel_trackio.init("p", "a", dir=own.dir).finish()
    with Api(own.dir) as api:
        run = api.run("a")
        assert own.opened()
    assert not own.opened()
    assert run.facts().name == "a"
    assert own.opened()
    api.close()
    assert not own.opened()

"""Changing runs: tag, mv and rm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import otel_trackio
from otel_trackio import Api, layout

if TYPE_CHECKING:
    from tests.sdk.cli.conftest import Program


def recorded(folder: Path, name: str, *tags: str) -> str:
    """The id of a run in project `p` with one point."""
    with otel_trackio.init("p", name, tags=tags, dir=folder) as run:
        run.log({"x": 1})
    return run.id


def names(folder: Path) -> list[str]:
    facts = [run.facts() for run in Api(folder).runs()]
    return [f"{each.project}/{each.name}" for each in facts]


def test_tags_come_and_go(own: Program) -> None:
    """`tag` and `+tag` add, `-tag` takes away, in any order and beside options; none shows them."""
    recorded(own.dir, "a", "old", "kept")
    assert own("tag", "a") == "old\nkept\n"
    assert own("tag", "a", "new", "-old", "+better") == "kept\nnew\nbetter\n"
    assert own.json("tag", "a", "-h", "-j", "-dir", "-new")["tags"] == ["kept", "better"]
    assert own("tag", "a", "kept") == "kept\nbetter\n"
    assert Api(own.dir).run("a").facts().tags == ("kept", "better")
    ran = own.run("tag", "a", "-kept", "-better")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "no tags\n")


@pytest.mark.parametrize(
    ("to", "became"),
    [("q", "q/a"), ("q/b", "q/b"), ("/b", "p/b"), ("q/", "q/a"), ("q/b/c", "q/b/c")],
)
def test_a_run_moves_to_a_project_a_name_or_both(own: Program, to: str, became: str) -> None:
    """What is not said stays; the id stays always, and so do the points."""
    run_id = recorded(own.dir, "a")
    assert own("mv", "p/a", to) == f"p/a is now {became}\n"
    assert names(own.dir) == [became]
    stored = Api(own.dir).run(became)
    assert stored.id == run_id
    assert stored.history("x")["value"].tolist() == [1]


def test_a_run_does_not_take_the_name_of_another(own: Program) -> None:
    """Nothing changes then; its own name it may keep."""
    recorded(own.dir, "a")
    other = recorded(own.dir, "b")
    assert own.refusal("mv", "a", "p/b") == (
        1,
        f"error: p/b is the name of run {other}; choose another",
    )
    assert own.run("mv", "a", "p").stderr == "p/a is its name already\n"
    assert own.json("mv", "a", "p")["name"] == "a"
    assert names(own.dir) == ["p/a", "p/b"]


def test_deleting_asks_first(own: Program) -> None:
    """It says what would go; anything but yes leaves it there."""
    recorded(own.dir, "a")
    refused = own.run("rm", "a", input="n\n")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "  p/a  1 point, started " in refused.stderr
    assert refused.stderr.endswith("delete 1 run for good? [y/N]: n\nnothing was deleted\n")
    nobody = own.run("rm", "a", input="")
    assert nobody.exit_code == 2
    assert "error: nobody is there to confirm; pass --yes\n" in nobody.stderr
    assert names(own.dir) == ["p/a"]
    assert own("rm", "a", input="y\n") == "deleted p/a\n"
    assert names(own.dir) == []


def test_deleting_removes_the_data_of_all_that_are_named(own: Program) -> None:
    """However often one is named; afterwards it is not found, and its id is not either."""
    ids = {name: recorded(own.dir, name) for name in "abc"}
    (data,) = Api(own.dir).run("a").path.glob("*.db")
    found = own.json("rm", "--yes", "a", ids["a"], "p/b")
    assert [(each["id"], each["deleted"]) for each in found] == [(ids["a"], True), (ids["b"], True)]
    assert names(own.dir) == ["p/c"]
    assert own.refusal("info", ids["a"])[0] == 1
    assert not data.exists()


def test_one_name_that_is_wrong_deletes_nothing(own: Program) -> None:
    """All are found before the first is deleted."""
    recorded(own.dir, "a")
    assert own.refusal("rm", "--yes", "a", "zzz")[0] == 1
    assert names(own.dir) == ["p/a"]


def test_a_run_that_is_being_recorded_is_deleted_by_force_alone(own: Program) -> None:
    """And with it in the list, no other is deleted either."""
    recorded(own.dir, "a")
    with otel_trackio.init("p", "live", dir=own.dir):
        assert own.refusal("rm", "--yes", "a", "live") == (
            1,
            "error: p/live is still being recorded; finish it first, or pass --force",
        )
        assert names(own.dir) == ["p/a", "p/live"]


def test_a_run_that_cannot_be_read_is_deleted_by_force_alone(own: Program) -> None:
    """By its id, and what is wrong with it is said once a command."""
    recorded(own.dir, "a")
    run_id = recorded(own.dir, "b")
    (file,) = layout.run_files(layout.run_dir(own.dir, run_id))
    file.write_bytes(b"nothing like a database" * 1000)
    assert own.run("ls").stderr.count(f"warning: cannot read {file}") == 1
    for command in (("info", run_id), ("rm", "--yes", run_id)):
        warning, error = own.run(*command).stderr.splitlines()
        assert warning.startswith(f"warning: cannot read {file}: file is not a database")
        remedy = "otel-trackio doctor says why, rm --force deletes it"
        assert error == f"error: run {run_id} cannot be read; {remedy}"
    assert own("rm", "--yes", "--force", run_id, "a") == f"deleted {run_id}\ndeleted p/a\n"
    assert not file.exists()
    ran = own.run("ls")
    assert (ran.stdout, ran.stderr[:7]) == ("", "no runs")
    assert own.refusal("info", run_id)[1].startswith(f"error: no run {run_id!r}")

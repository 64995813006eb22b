"""`otel-trackio import`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.sdk.cli.conftest import Program
from tests.sdk.importing.elsewhere import Project, write_csv


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    rows = [("step", "loss", "phase"), (0, 0.5, "train"), (1, 0.25, "eval")]
    return write_csv(tmp_path / "run-1.csv", rows)


def test_it_says_what_came_and_what_did_not(own: Program, sheet: Path) -> None:
    """A line a run, and what could not be taken by reason, beside the answer."""
    ran = own.run("import", "csv", str(sheet), "--project", "p", "--name", "n")
    assert (ran.exit_code, ran.stdout) == (0, "p/n: 2 points\n")
    assert ran.stderr == "not taken: 2 texts (phase)\n"
    assert own("import", "csv", str(sheet)) == "p/n: all of it is here already\n"
    write_csv(sheet, [(2, 1, "")], "a")
    assert own("import", "csv", str(sheet)) == "p/n: 1 point more\n"
    assert own("get", "p/n", "loss", "--format", "csv").splitlines()[0] == "step,time,value"
    assert "imported from  csv run-1.csv" in own("info", "p/n")


def test_its_json_has_all_of_that(own: Program, sheet: Path) -> None:
    """Counts are numbers."""
    answer = own.json("import", "csv", str(sheet), "--project", "p")
    (run,) = answer.pop("runs")
    assert answer == {"not_taken": {"texts": 2}, "errors": []}
    assert run == {
        "id": own.json("info", "p/run-1")["id"],
        "project": "p",
        "name": "run-1",
        "new": True,
        "points": 2,
        "histograms": 0,
        "records": 0,
        "not_taken": {"texts": 2},
    }


def test_runs_of_a_database_are_put_where_it_is_wished(own: Program, tmp_path: Path) -> None:
    """In a project and a group of that name; one name is not for several runs."""
    project = Project(tmp_path / "sft.db")
    for name in ("a", "b"):
        project.log(name, [(0, {"x": 1})])
    path = str(project.path)
    assert own.refusal("import", "trackio", path, "--name", "n") == (
        2,
        "error: --name n for 2 runs; leave it out",
    )
    own("import", "trackio", path, "--project", "other", "--group", "old")
    assert [(each["project"], each["group"]) for each in own.json("ls")] == [("other", "old")] * 2


def test_one_run_that_cannot_be_read_keeps_none_from_coming(own: Program, tmp_path: Path) -> None:
    """It ends with an error, after all others have come."""
    project = Project(tmp_path / "sft.db")
    for name in ("bad", "good"):
        project.log(name, [(0, {"x": 1})])
    first, _ = own.json("import", "trackio", str(project.path))["runs"]
    [path] = (own.dir / "runs" / first["id"]).glob("*.db")
    path.write_bytes(b"no database at all" * 1_000)
    for name in ("bad", "good"):
        project.log(name, [(1, {"x": 1})], second=5)
    ran = own.run("import", "trackio", str(project.path))
    assert (ran.exit_code, ran.stdout) == (1, "sft/good: 1 point more\n")
    assert "\nerror: cannot read " in ran.stderr
    ran = own.run("import", "trackio", str(project.path), "--json")
    assert [run["name"] for run in json.loads(ran.stdout)["runs"]] == ["good"]
    assert len(json.loads(ran.stdout)["errors"]) == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["csv", "nowhere.csv"], "error: no file nowhere.csv; give a CSV file"),
        (["trackio", "nowhere.db", "--step", "x"], "--step and --time are for csv"),
        (["mlflow", "x"], "'mlflow' is not one of 'trackio', 'wandb', 'tensorboard', 'csv'"),
    ],
)
def test_what_makes_no_sense_is_refused(own: Program, arguments: list[str], why: str) -> None:
    """As a mistake of the command line."""
    code, line = own.refusal("import", *arguments)
    assert code == 2
    assert why in line


@pytest.mark.parametrize("source", ["wandb", "tensorboard"])
def test_a_missing_library_is_named(
    own: Program, source: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the line that installs it."""
    for name in [name for name in sys.modules if name.split(".")[0] == source]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, source, None)
    line = f"error: {source} is not installed; pip install '{source}'"
    assert own.refusal("import", source, str(tmp_path)) == (1, line)

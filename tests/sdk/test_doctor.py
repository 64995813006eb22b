"""The doctor: what it finds wrong, what it recovers, and what it says of a healthy folder."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import otel_trackio
from otel_trackio import Api
from otel_trackio.cli import main
from otel_trackio.doctor import Problem, Report, examine
from otel_trackio.settings import SETTINGS

KILLED = """
import os, signal, otel_trackio
run = otel_trackio.init("p", "killed")
for step in range(100):
    run.log({"x": step}, step)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's runs are."""
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")
    monkeypatch.setenv("OTEL_TRACKIO_DIR", str(tmp_path))
    return tmp_path


def recorded(name: str = "fine") -> Path:
    """The run file of a run that ended well."""
    with otel_trackio.init("p", name) as run:
        run.log({"x": 1})
    assert run.path is not None
    return next(run.path.glob("*.db"))


def killed() -> None:
    """Leaves a run whose process was killed."""
    ran = subprocess.run([sys.executable, "-c", KILLED])
    assert ran.returncode == -signal.SIGKILL


def found(report: Report, subject: str) -> list[Problem]:
    """Problems of one kind: the machine that runs the tests may have some of another."""
    return [problem for problem in report.problems if problem.subject == subject]


def doctor(*arguments: str) -> tuple[int, Any]:
    ran = CliRunner().invoke(main, ["doctor", "--json", *arguments])
    return ran.exit_code, json.loads(ran.stdout)


def test_a_healthy_folder_has_no_problems(dir: Path) -> None:
    """What there is is counted, and every file has been read."""
    recorded()
    report = examine()
    assert found(report, "files") == found(report, "orphans") == found(report, "clock") == []
    directory = report.directory
    assert (directory.path, directory.runs, directory.files) == (dir, 1, 1)
    assert directory.exists
    assert directory.writable
    assert 0 < directory.used < 1_000_000
    assert 0 < report.clock.newest <= report.clock.now
    assert report.versions["otel-trackio"] == otel_trackio.__version__
    assert "numpy" in report.versions


def test_settings_are_told_with_where_they_come_from(
    dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that cannot be used is a problem, and does not hide the others."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "train")
    monkeypatch.setenv("OTEL_TRACKIO_INTERVAL", "soon")
    report = examine(dir / "other")
    told = {each.name: (each.value, each.source) for each in report.settings}
    assert told["dir"] == (dir / "other", "argument")
    assert told["project"] == ("train", "OTEL_SERVICE_NAME")
    assert told["mode"] == ("online", "default")
    assert told.keys() == {row.name for row in SETTINGS} - {"interval"}
    (problem,) = found(report, "settings")
    assert "OTEL_TRACKIO_INTERVAL='soon'" in problem.message


def test_a_folder_that_is_not_there_yet_is_no_problem(dir: Path) -> None:
    """Nothing is made by looking."""
    report = examine(dir / "not" / "yet")
    assert not report.directory.exists
    assert found(report, "files") == []
    assert not (dir / "not").exists()


def test_what_a_killed_process_left_is_recovered(dir: Path) -> None:
    """Told only with --dry-run; else stored, once, and the run is one that crashed."""
    killed()
    status, told = doctor("--dry-run")
    assert status == 3
    assert (len(told["orphans"]), told["recovered"]) == (1, [])
    assert "was left by a process that died" in json.dumps(told["problems"])
    status, done = doctor()
    assert [each["path"] for each in done["recovered"]] == told["orphans"]
    assert done["orphans"] == []
    run = Api(dir).run("killed")
    assert run.history("x")["value"].tolist() == list(range(100))
    assert run.standing().state == "crashed"
    assert doctor()[1]["recovered"] == []


def test_what_cannot_be_recovered_is_a_problem(dir: Path) -> None:
    """Its journal stays, so that nothing is lost by trying."""
    killed()
    (file,) = dir.glob("runs/*/*.db")
    journal = file.with_suffix(".journal").read_bytes()
    file.with_name(f"{file.name}-wal").unlink()
    empty(file)
    report = examine()
    assert report.orphans == (file,)
    (problem,) = found(report, "orphans")
    assert str(file) in problem.message
    assert file.with_suffix(".journal").read_bytes() == journal


def test_what_a_live_process_records_is_left_alone(dir: Path) -> None:
    """Its journal is no orphan."""
    with otel_trackio.init("p", "live") as run:
        run.log({"x": 1})
        report = examine()
        assert (report.recovered, report.orphans) == ((), ())
        assert found(report, "files") == []
        run.log({"x": 2})
    assert Api(dir).run("live").history("x")["value"].tolist() == [1, 2]


def damage(file: Path) -> None:
    """Overwrites the second half of it."""
    size = file.stat().st_size
    with file.open("r+b") as out:
        out.seek(size // 2)
        out.write(os.urandom(size - size // 2))


def empty(file: Path) -> None:
    file.write_bytes(b"")


def make_newer(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def lose(file: Path) -> None:
    file.with_suffix(".journal").touch()
    file.unlink()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (damage, "cannot read {file}"),
        (empty, "{file}"),
        (make_newer, "cannot open {file}: format 99 is newer"),
        (lose, "{journal} has lost its run file"),
    ],
)
def test_files_that_cannot_be_read_are_named(dir: Path, harm: Any, said: str) -> None:
    """Each is a problem with a remedy; the others are read all the same."""
    recorded("fine")
    file = recorded("harmed")
    harm(file)
    report = examine()
    (problem,) = found(report, "files")
    assert problem.message.startswith(said.format(file=file, journal=file.with_suffix(".journal")))
    assert problem.hint
    status, told = doctor()
    assert (status, told["directory"]["runs"]) == (3, 2)
    assert vars_of(problem) in told["problems"]


def vars_of(problem: Problem) -> dict[str, str]:
    return {"subject": problem.subject, "message": problem.message, "hint": problem.hint}


def test_points_from_the_future_are_a_problem_of_the_clock(dir: Path) -> None:
    """Nobody can tell then how old a run is, or whether it lives."""
    file = recorded()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE point SET time_ns = time_ns + 3600 * 1000000000")
    connection.close()
    (problem,) = found(examine(), "clock")
    assert problem.message.startswith("there are points from 3")


def test_a_file_in_the_place_of_the_folder_is_a_problem(dir: Path) -> None:
    """It says so, rather than raise."""
    (dir / "file").touch()
    (problem,) = found(examine(dir / "file"), "directory")
    assert problem.message == f"{dir / 'file'} is no directory"


def test_the_report_is_made_for_people_too(dir: Path) -> None:
    """Versions, directory, clock and settings; then what was recovered, then the problems."""
    harmed = recorded()
    empty(harmed)
    killed()
    ran = CliRunner().invoke(main, ["doctor"])
    assert ran.exit_code == 3
    headings = [line.split()[0] for line in ran.stdout.splitlines() if line[:1].strip()]
    assert [each for each in headings if each in SECTIONS] == SECTIONS
    assert f"\nrecovered: 100 points of {dir}" in ran.stdout
    assert f"\nproblem: {harmed}" in ran.stdout


SECTIONS = ["versions", "directory", "clock", "SETTING"]

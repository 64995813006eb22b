"""Importing again: nothing twice, and nothing lost, whatever happened in between."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from otel_trackio import Api, StoreBusy, layout
from otel_trackio.importing.calls import import_csv, import_runs
from otel_trackio.importing.copying import Copied, Wish
from otel_trackio.importing.origin import Batch
from otel_trackio.importing.sources import runs_of
from otel_trackio.lease import Lease
from otel_trackio.pull import pull
from otel_trackio.remote import Folder
from otel_trackio.storedrun import StoredRun
from otel_trackio.sync import sync
from tests.sdk.importing.elsewhere import Project, write_csv

HEADER = ("step", "loss")


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "sheet.csv", [HEADER, *rows(0, 10)])


def rows(first: int, end: int) -> list[tuple[object, ...]]:
    return [(step, step / 8) for step in range(first, end)]


def check(run: StoredRun, end: int) -> None:
    """It has each point once."""
    history = run.history("loss", all=True)
    assert history["step"].tolist() == list(range(end))
    assert history["value"].tolist() == [step / 8 for step in range(end)]


def test_the_same_is_not_stored_twice(sheet: Path) -> None:
    """Nor is anything written at all."""
    first = import_csv(sheet, "project")
    run = Api().run(first.id)
    before = {path: path.read_bytes() for path in run.path.iterdir()}
    again = import_csv(sheet, "project")
    assert (first.points, first.is_new) == (10, True)
    assert (again.id, again.points, again.is_new) == (first.id, 0, False)
    assert {path: path.read_bytes() for path in run.path.iterdir()} == before
    check(run, 10)


def test_what_was_added_meanwhile_comes(sheet: Path) -> None:
    """It goes into the same file, after what is there; no locks stay behind."""
    copied = import_csv(sheet, "project")
    for first in (10, 20):
        write_csv(sheet, rows(first, first + 10), "a")
        assert import_csv(sheet, "project").points == 10
    run = Api().run(copied.id)
    check(run, 30)
    assert [path.suffix for path in run.path.iterdir()] == [".db"]
    assert (run.state, run.standing().attempts) == ("finished", {0: 1})


def test_a_database_that_grows_in_all_its_tables(tmp_path: Path) -> None:
    """Each table goes on where it was; a run that is new there is new here."""
    project = Project(tmp_path / "sft.db")

    def imported() -> dict[str, Copied]:
        return {each.name: each for each in import_runs(runs_of("trackio", project.path), Wish())}

    for number in range(3):
        for name in ("a", "b")[: number + 1]:
            project.log(name, [(number, {"loss": number})], number)
            project.log_system(name, {"temp": number}, number)
            project.alert(name, f"alert {number}", None, "warn", number)
        found = imported()
        assert {name: each.points for name, each in found.items()} == dict.fromkeys(found, 2)
        assert {name: each.points for name, each in imported().items()} == dict.fromkeys(found, 0)
    run = Api().run("sft/a")
    assert run.history("loss", all=True)["value"].tolist() == [0, 1, 2]
    assert run.history("temp", all=True)["value"].tolist() == [0, 1, 2]
    assert [each.key for each in run.alerts()] == ["alert 0", "alert 1", "alert 2"]


def test_another_file_of_that_name_is_another_run(sheet: Path) -> None:
    """A file that begins with something else holds something else."""
    first = import_csv(sheet, "project")
    write_csv(sheet, [HEADER, (0, 99.0)])
    second = import_csv(sheet, "project")
    assert first.id != second.id
    assert second.points == 1


def test_renamed_here_a_run_keeps_its_name(sheet: Path) -> None:
    """Unless the next import names it."""
    copied = import_csv(sheet, "project", "name")
    run = Api().run(copied.id)
    run.rename("mine")
    write_csv(sheet, rows(10, 11), "a")
    source = runs_of("csv", sheet)
    import_runs(source, Wish())
    assert (Api().run(copied.id).project, Api().run(copied.id).name) == ("project", "mine")
    import_runs(source, Wish("elsewhere", "other", "group"))
    facts = Api().run(copied.id).facts()
    assert (facts.project, facts.name, facts.group) == ("elsewhere", "other", "group")


def test_a_deleted_run_comes_back_as_another(sheet: Path) -> None:
    """So a mistake can be mended; from then on that one is gone on with."""
    first = import_csv(sheet, "project", step="loss")
    Api().run(first.id).delete()
    second = import_csv(sheet, "project")
    assert second.id != first.id
    assert second.points == 10
    assert import_csv(sheet, "project").id == second.id
    check(Api().run(second.id), 10)
    assert [run.id for run in Api().runs()] == [second.id]


def test_an_import_that_was_killed_goes_on(tmp_path: Path, size: Callable[[int, int], int]) -> None:
    """With SIGKILL, at any moment: what was stored stays, the rest comes, each point once."""
    count = size(150_000, 2_000_000)
    sheet = write_csv(tmp_path / "sheet.csv", [HEADER, *rows(0, count)])
    command = [sys.executable, "-m", "otel_trackio", "import", "csv", str(sheet)]
    store = Path(os.environ["OTEL_TRACKIO_DIR"])
    for _ in range(2):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        before = stored(store)
        while process.poll() is None and stored(store) == before:
            time.sleep(0.01)
        process.kill()
        process.communicate()
    if (found := Api().runs()) and found[0].standing().points < count:
        assert found[0].state == "crashed"
    assert import_csv(sheet, "project").points + stored(store) >= count
    (run,) = Api().runs()
    check(run, count)
    assert run.state == "finished"


def test_an_import_that_ended_before_its_last_word_is_ended(tmp_path: Path) -> None:
    """All points may be there and not that they are: then that comes, and nothing else."""
    project = Project(tmp_path / "sft.db")
    project.log("a", [(0, {"loss": 0})])
    project.alert("a", "title", None, "warn", 0)
    (origin,) = runs_of("trackio", project.path)

    def read(*reading: Any) -> Iterator[Batch]:
        yield from origin.read(*reading)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_runs([replace(origin, read=read)], Wish())
    assert Api().run("sft/a").state == "crashed"
    (copied,) = import_runs([origin], Wish())
    assert (copied.points, copied.records) == (0, 0)
    assert Api().run("sft/a").state == "finished"


def stored(store: Path) -> int:
    """How many points there are."""
    with Api(store) as api:
        return sum(run.standing().points for run in api.runs())


def test_two_at_once_do_not_meet(sheet: Path) -> None:
    """The second is refused, and says why."""
    copied = import_csv(sheet, "project")
    held = Lease.take(Api().run(copied.id).path / "import.lock")
    assert held is not None
    with pytest.raises(StoreBusy, match="being imported by another process"):
        import_csv(sheet, "project")
    held.release()
    assert import_csv(sheet, "project").points == 0


def test_an_import_travels(sheet: Path, tmp_path: Path) -> None:
    """Synced and pulled it is the same run; imported there it goes on, and comes back."""
    remote, there = Folder(tmp_path / "remote"), tmp_path / "there"
    copied = import_csv(sheet, "project")
    with Api() as api:
        sync(api.store, [api.run(copied.id).path], remote)
    pull(remote, there)
    assert import_csv(sheet, "project", dir=there).points == 0
    write_csv(sheet, rows(10, 20), "a")
    assert import_csv(sheet, "project", dir=there).points == 10
    with Api(there) as api:
        check(api.run(copied.id), 20)
        assert api.run(copied.id).state == "finished"
        sync(api.store, [api.run(copied.id).path], remote)
    with Api() as api:
        pull(remote, api.store)
    assert import_csv(sheet, "project").points == 0
    check(Api().run(copied.id), 20)
    assert len(layout.run_files(Api().run(copied.id).path)) == 2

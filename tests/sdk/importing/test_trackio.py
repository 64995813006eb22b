"""What becomes of a database of Trackio."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from otel_trackio import Api, ConfigError, StoreError
from otel_trackio.importing.calls import import_runs
from otel_trackio.importing.copying import Copied, Wish
from otel_trackio.importing.sources import runs_of
from otel_trackio.model import NO_STEP
from otel_trackio.storedrun import StoredRun
from tests.sdk.importing.elsewhere import BEGAN, PNG, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Below a TRACKIO_DIR of its own."""
    (tmp_path / "trackio").mkdir()
    return Project(tmp_path / "trackio" / "sft.db")


def imported(path: Path) -> list[Copied]:
    return import_runs(runs_of("trackio", path), Wish())


def run_in(project: Project, name: str = "a") -> StoredRun:
    imported(project.path)
    return Api().run(f"sft/{name}")


def test_runs_keep_what_they_logged(project: Project) -> None:
    """Each value at its step and time; nested dicts by their keys; NaN and infinities as such."""
    nested = {"loss": 0.5, "eval": {"acc": 1, "deep": {"x": True}}}
    odd = {"loss": "NaN", "up": "Infinity", "down": "-Infinity", "big": 2**70}
    project.log("a", [(0, nested), (5, odd)])
    run = run_in(project)
    loss = run.history("loss")
    assert loss["step"].tolist() == [0, 5]
    assert loss["time"].tolist() == [BEGAN, BEGAN + 10**9]
    assert loss["value"][0] == 0.5
    assert math.isnan(loss["value"][1])
    for key, value in {
        "eval/acc": 1,
        "eval/deep/x": 1,
        "up": math.inf,
        "down": -math.inf,
        "big": 2**70,
    }.items():
        assert run.history(key)["value"].tolist() == [value]
    assert (run.state, run.standing().started, run.standing().ended) == (
        "finished",
        BEGAN,
        BEGAN + 10**9,
    )


def test_config_and_group_come_along(project: Project) -> None:
    """Without what Trackio adds, and without secrets; a run that logged nothing comes, too."""
    config = {"lr": 0.1, "model": {"hidden": [1, 2]}, "api_key": "abc"}
    began = "2025-06-01T12:00:00.123456+00:00"
    project.configure("a", {**config, "_Created": began, "_Group": "g", "_Username": None})
    run = run_in(project)
    assert run.config == {
        "lr": 0.1,
        "model": {"hidden": [1, 2]},
        "api_key": "[redacted]",
        "imported from": "trackio sft.db",
    }
    assert (run.facts().group, run.facts().created, run.state) == ("g", BEGAN, "finished")


def test_system_metrics_have_a_time_and_no_step(project: Project) -> None:
    """As those that were recorded here."""
    project.log_system("a", {"gpu/0/temp": 50}, second=3)
    history = run_in(project).history("gpu/0/temp", all=True)
    assert history["time"].tolist() == [BEGAN + 3 * 10**9]
    assert history["step"].tolist() == [None]


def test_alerts_and_media_become_records(project: Project) -> None:
    """Alerts, texts, tables, conversations, and images with their files; histograms, too."""
    folder = project.path.parent / "media" / "sft" / "a"
    folder.mkdir(parents=True)
    (folder / "x.png").write_bytes(PNG)
    image = {"_type": "trackio.image", "file_path": "sft/a/x.png", "caption": "one"}
    table = {"_type": "trackio.table", "_value": [{"a": 1, "b": image}, {"a": 2, "b": None}]}
    histogram = {"_type": "trackio.histogram", "bins": [0.0, 0.5, 1.5], "values": [3, 1]}
    markdown = {"_type": "trackio.markdown", "_value": "# hi"}
    logged = {"image": image, "table": table, "histogram": histogram, "text": markdown}
    project.log("a", [(7, logged)])
    project.alert("a", "loss is NaN", None, "error", 7)
    project.trace("a", "talk", [{"role": "user", "content": "hi"}], 8)
    run = run_in(project)
    assert run.alerts()[0].data == {"title": "loss is NaN", "text": "", "level": "error"}
    assert [(each.key, each.step, each.data) for each in run.records("markdown")] == [
        ("text", 7, {"text": "# hi"})
    ]
    (stored,) = run.records("image")
    assert (run.path / "files" / stored.data["file"]["name"]).read_bytes() == PNG
    assert stored.data["caption"] == "one"
    assert run.records("table")[0].data["count"] == 2
    assert run.records("trace")[0].data["messages"] == [{"role": "user", "content": "hi"}]
    (aggregate,) = run.histograms("histogram")
    assert aggregate.data["bounds"] == [0.0, 0.5, 1.5]
    assert aggregate.data["counts"] == [0, 3, 1, 0]
    assert (aggregate.data["count"], aggregate.step) == (4, 7)


def test_what_cannot_be_taken_is_counted(project: Project) -> None:
    """By reason and name; nothing outside of Trackio's folder is ever read."""
    (project.path.parent.parent / "secret.png").write_bytes(PNG)
    logged = {
        "word": "hello",
        "list": [1, 2],
        "none": None,
        "sound": {"_type": "trackio.audio", "file_path": "x.wav"},
        "outside": {"_type": "trackio.image", "file_path": "../../secret.png"},
        "loss": 1,
    }
    project.log("a", [(0, logged), (1, {"word": "hello"})])
    (copied,) = imported(project.path)
    assert copied.points == 1
    assert copied.left.document() == {
        "texts": 2,
        "lists": 1,
        "empty values": 1,
        "audios": 1,
        "images": 1,
    }
    assert copied.left.names("texts") == ["word"]


def test_rows_that_make_no_sense_are_counted(project: Project) -> None:
    """What stands before and behind them comes; nothing is raised, and nothing comes twice."""
    project.log("a", [(0, {"x": 1})])
    odd: list[object] = ["{", "[1]", "5", "null", b"\xff", "[" * 100_000]
    odd += [json.dumps({"h": {"_type": "trackio.histogram", "bins": 5, "values": "x"}})]
    odd += [json.dumps({"t": {"_type": "trackio.table", "_value": [5]}})]
    for text in odd:
        project.write("a", 1, text)
    project.log("a", [(2, {"x": 3})])
    (copied,) = imported(project.path)
    assert copied.left.document() == {"entries that make no sense": len(odd)}
    assert [each.points for each in imported(project.path)] == [0]
    history = Api().run(copied.id).history("x", all=True)
    assert (history["step"].tolist(), history["value"].tolist()) == ([0, 2], [1, 3])


def test_a_step_that_is_none_is_no_step(project: Project) -> None:
    """The value is kept."""
    for step in ("x", 1.5, 2.0):
        project.write("a", step, '{"x": 1}')
    (copied,) = imported(project.path)
    assert copied.points == 3
    steps = Api().run(copied.id).history("x", all=True)["step"].tolist()
    assert sorted(steps, key=str) == [2, None, None]


def test_large_records_are_stored_bit_by_bit(project: Project) -> None:
    """Many long texts are not all in memory at once."""
    text = {"_type": "trackio.markdown", "_value": "x" * 90_000}
    project.log("a", [(step, {"text": text}) for step in range(150)])
    (copied,) = imported(project.path)
    run = Api().run(copied.id)
    assert len(run.records("markdown")) == copied.records == 150
    with run.sources() as sources:
        told = [each.kind for one in sources for each in one.reader.events()]
    assert told.count("imported") == 3


def test_other_databases_in_a_folder_are_passed_over(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    """With a word about each."""
    project.log("a", [(0, {"x": 1})])
    (project.path.parent / "other.db").write_text("no database at all" * 100)
    assert [each.points for each in imported(project.path.parent)] == [1]
    assert "other.db" in caplog.text


def test_a_folder_has_a_project_a_database(project: Project) -> None:
    """Registries hold no runs; runs come oldest first."""
    project.log("late", [(0, {"x": 1})], second=9)
    project.log("early", [(0, {"x": 1})])
    Project(project.path.parent / "other.db").log("mid", [(0, {"x": 1})], second=5)
    Project(project.path.parent / "registry-x.db").log("no", [(0, {"x": 1})])
    found = imported(project.path.parent)
    assert [(each.project, each.name) for each in found] == [
        ("sft", "early"),
        ("other", "mid"),
        ("sft", "late"),
    ]


def test_databases_before_run_ids_are_read(tmp_path: Path) -> None:
    """There a run is told by its name."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "CREATE TABLE metrics (id INTEGER PRIMARY KEY, timestamp TEXT, run_name TEXT,"
            " step INTEGER, metrics TEXT)"
        )
        row = ("2025-06-01T12:00:00.123456", "a", 3, '{"x": 1.5}')
        db.execute(
            "INSERT INTO metrics (timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?)", row
        )
    assert [each.points for each in imported(path)] == [1]
    assert [each.points for each in imported(path)] == [0]
    assert Api().run("old/a").history("x")["time"].tolist() == [BEGAN]


def test_other_files_are_refused(tmp_path: Path) -> None:
    """The error says what to give."""
    path = tmp_path / "x.db"
    path.write_text("no database at all, but long enough to look like one" * 20)
    with pytest.raises(StoreError, match="see that it is a database of Trackio"):
        imported(path)
    with closing(sqlite3.connect(tmp_path / "y.db")) as db:
        db.execute("CREATE TABLE t (x)")
    with pytest.raises(StoreError, match="no database of Trackio"):
        imported(tmp_path / "y.db")
    with pytest.raises(ConfigError, match="no file"):
        imported(tmp_path / "z.db")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no database in"):
        imported(tmp_path / "empty")


SCRIPT = """
import trackio
trackio.init(project="sft", name="a", group="g", config={"lr": 0.1},
             auto_log_cpu=False, auto_log_gpu=False)
for step in range(50):
    trackio.log({"loss": 1 / (step + 1), "nested": {"x": step}})
trackio.log({"loss": float("nan")})
trackio.log_system({"temp": 50})
trackio.alert("title", "text", level=trackio.AlertLevel.ERROR)
trackio.finish()
"""


@pytest.mark.allow_skip
@pytest.mark.skipif(not importlib.util.find_spec("trackio"), reason="needs trackio")
def test_the_real_package_writes_what_is_read(tmp_path: Path) -> None:
    """Where it is installed: a database of its own making."""
    environ = {**os.environ, "TRACKIO_DIR": str(tmp_path / "real"), "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "-c", SCRIPT], env=environ, check=True, timeout=100)
    (copied,) = imported(tmp_path / "real")
    run = Api().run(copied.id)
    assert run.history("loss")["value"].tolist()[:50] == [1 / (step + 1) for step in range(50)]
    assert math.isnan(run.history("loss")["value"][50])
    assert run.history("nested/x")["step"].tolist() == list(range(50))
    assert run.history("temp", all=True)["value"].tolist() == [50]
    assert run.alerts()[0].data["level"] == "error"
    assert (run.facts().group, run.config["lr"]) == ("g", 0.1)
    assert NO_STEP not in run.history("loss")["step"]

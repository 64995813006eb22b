"""What lies on this machine: read, brought in, saved, deleted, synced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import otel_trackio
from otel_trackio.errors import ConfigError
from tests.trackio.conftest import only_run, points


@pytest.fixture
def two(trackio: Any) -> Any:
    """Two runs of a project."""
    for name in ("first", "second"):
        trackio.init(project="p", name=name, config={"lr": 0.1})
        trackio.log({"loss": 0.5}, step=0)
        trackio.log({"loss": 0.25}, step=1)
        trackio.alert(f"alert of {name}", level="error")
        trackio.finish()
    return trackio.Api()


def test_runs_of_a_project_are_a_sequence(trackio: Any, two: Any) -> None:
    """With names, config, alerts, and the history of metrics."""
    runs = two.runs("p")
    assert len(runs) == 2
    assert [each.name for each in runs] == ["first", "second"]
    run = runs[0]
    assert (run.project, run.config, run.state) == ("p", {"lr": 0.1}, "finished")
    assert [each.key for each in run.metrics()] == ["loss"]
    assert run.history("loss")["value"].tolist() == [0.5, 0.25]
    (alert,) = run.alerts(level="error")
    assert (alert["title"], alert["run"], alert["step"]) == ("alert of first", "first", 1)
    assert run.alerts(level="info") == []
    assert run.alerts(since=alert["timestamp"]) == []
    assert len(run.alerts(since="2020-01-01")) == 1
    with pytest.raises(ConfigError, match="is no time"):
        run.alerts(since="yesterday")


def test_alerts_of_a_project_are_the_newest_first(two: Any) -> None:
    """All of them, or those of a run."""
    assert [each["run"] for each in two.alerts("p")] == ["second", "first"]
    assert [each["run"] for each in two.alerts("p", run="first")] == ["first"]


def test_runs_are_renamed_moved_and_deleted(two: Any) -> None:
    """For every reader."""
    first, second = two.runs("p")
    assert first.rename("better").name == "better"
    assert second.move("q")
    assert [each.name for each in two.runs("q")] == ["second"]
    assert first.delete()
    with pytest.raises(ConfigError, match="does not exist"):
        two.runs("p")


def test_a_project_is_deleted_when_that_is_meant(
    trackio: Any, two: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked first, unless forced; what is not there is not deleted."""
    monkeypatch.setattr("builtins.input", lambda _: "n")
    assert not trackio.delete_project("p")
    assert len(two.runs("p")) == 2
    assert trackio.delete_project("p", force=True)
    assert otel_trackio.Api().runs("p") == []
    assert not trackio.delete_project("p", force=True)


def test_files_are_saved_for_a_project(
    trackio: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name or pattern, at their place below the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code" / "deep").mkdir(parents=True)
    (tmp_path / "code" / "deep" / "a.py").write_text("1")
    (tmp_path / "config.yaml").write_text("2")
    trackio.init(project="my/project")
    folder = Path(trackio.save("config.yaml"))
    assert trackio.save("**/*.py") == str(folder)
    assert (folder / "config.yaml").read_text() == "2"
    assert (folder / "code" / "deep" / "a.py").read_text() == "1"
    assert Path(trackio.save(tmp_path / "config.yaml", project="other")) != folder
    with pytest.raises(ConfigError, match="no file"):
        trackio.save("nothing.*")


def test_a_csv_file_is_brought_in(trackio: Any, tmp_path: Path) -> None:
    """With its columns' whole names, and once however often it is called."""
    path = tmp_path / "log.csv"
    path.write_text("step,validation_loss,validation_accuracy\n0,1.0,0.5\n5,0.5,0.75\n")
    for _ in range(2):
        trackio.import_csv(path, "p", name="old")
    run = only_run("p")
    assert run.name == "old"
    assert points(run, "validation_loss") == [(0, 1.0), (5, 0.5)]
    assert points(run, "validation_accuracy") == [(0, 0.5), (5, 0.75)]


@pytest.mark.allow_skip
def test_event_files_are_brought_in(trackio: Any, tmp_path: Path) -> None:
    """Each folder of them as a run."""
    written = pytest.importorskip("tensorboardX")
    for name in ("a", "b"):
        with written.SummaryWriter(str(tmp_path / "logs" / name)) as writer:
            writer.add_scalar("loss", 0.5, 3)
    trackio.import_tf_events(tmp_path / "logs", "p", name="tb")
    runs = otel_trackio.Api().runs("p")
    assert sorted(each.name for each in runs) == ["tb/a", "tb/b"]
    assert points(runs[0], "loss") == [(3, 0.5)]


def test_nothing_is_synced_to_nowhere(trackio: Any, two: Any) -> None:
    """It is said what to name; offline nothing is sent."""
    with pytest.raises(ConfigError, match="give space_id or dataset_id"):
        trackio.sync("p")
    assert trackio.sync("p", space_id="alice/curves") == "alice/curves"

"""Which run is recorded, what it is called, and how it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

import otel_trackio
from otel_trackio import Api
from otel_trackio.errors import ConfigError
from otel_trackio.trackio.space import FACT
from tests.trackio.conftest import only_run, points


def test_a_run_has_what_init_was_given(trackio: Any) -> None:
    """Every argument is taken, and the run tells what it is."""
    run = trackio.init(
        project="p",
        name="baseline",
        group="g",
        config={"lr": 0.1, "_hidden": 1},
        resume="allow",
        private=True,
        embed=False,
        auto_log_gpu=False,
        gpu_log_interval=5,
        auto_log_cpu=False,
        cpu_log_interval=5,
    )
    assert (run.project, run.name, run.group, run.url, run._space_id) == (
        "p",
        "baseline",
        "g",
        None,
        None,
    )
    assert dict(run.config) == {"lr": 0.1, "_hidden": 1}
    trackio.finish()
    stored = only_run()
    assert (stored.id, stored.name, stored.project, stored.state) == (
        run.id,
        "baseline",
        "p",
        "finished",
    )


def test_what_init_is_not_given_is_in_the_environment(
    trackio: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The project, the folder, the Dataset, under the names that Trackio gives them."""
    monkeypatch.delenv("OTEL_TRACKIO_DIR")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "theirs"))
    monkeypatch.setenv("TRACKIO_PROJECT", "ours")
    monkeypatch.setenv("TRACKIO_DATASET_ID", "alice/metrics")
    run = trackio.init(run_name="today")
    assert (run.project, run.name) == ("ours", "today")
    trackio.finish()
    assert [each.name for each in Api(tmp_path / "theirs").runs("ours")] == ["today"]


def test_a_space_is_remembered_and_its_dataset_is_synced_to(
    trackio: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the argument or the environment; the log says where the metrics go."""
    run = trackio.init(project="p", space_id="alice/curves")
    assert run._space_id == trackio.context_vars.current_space_id.get() == "alice/curves"
    trackio.finish()
    assert only_run("p").facts().resource[FACT] == "alice/curves"
    told = capsys.readouterr().err
    assert "space alice/curves is to show this run, from hf://datasets/alice/curves-data" in told
    monkeypatch.setenv("TRACKIO_SPACE_ID", "alice/others")
    assert trackio.init(project="q")._space_id == "alice/others"
    trackio.finish()
    assert "--to hf://datasets/alice/others-data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"dataset_id": "alice/metrics"}, "hf://datasets/alice/metrics"),
        ({"bucket_id": "alice/bucket"}, "hf://buckets/alice/bucket"),
    ],
)
def test_a_dataset_or_bucket_goes_before_that_of_the_space(
    trackio: Any, given: dict[str, str], place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the user says where the metrics are to be."""
    trackio.init(project="p", space_id="alice/curves", **given)
    trackio.finish()
    assert f"is to show this run, from {place}" in capsys.readouterr().err


def test_arguments_that_contradict_each_other_are_refused(trackio: Any) -> None:
    """With what to do about it."""
    with pytest.raises(ConfigError, match="give one of them"):
        trackio.init(project="p", name="a", run_name="b")
    with pytest.raises(ConfigError, match="give one of them"):
        trackio.init(project="p", dataset_id="a/b", bucket_id="a/b")


def test_what_changes_nothing_is_said(trackio: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Settings, and a server of Trackio's."""
    trackio.init(project="p", settings=object(), server_url="http://localhost:7860")
    assert "settings=...) changes nothing" in caplog.text
    assert "a server of Trackio is not written to" in caplog.text


def test_finish_may_be_called_again(trackio: Any) -> None:
    """And where there is no run at all."""
    trackio.finish()
    trackio.init(project="p")
    trackio.log({"a": 1.0})
    trackio.finish()
    trackio.finish()
    assert only_run().state == "finished"


def test_init_ends_the_run_that_was_active(trackio: Any) -> None:
    """Called by a user it starts another, unless it asks to go on with that one."""
    first = trackio.init(project="p", name="a")
    second = trackio.init(project="p", name="a")
    assert first.id != second.id
    assert trackio.init(project="p", name="a", resume="allow", config={"lr": 1}) is second
    assert second.config["lr"] == 1
    third = trackio.init(project="p")
    trackio.finish()
    assert [each.id for each in Api().runs("p")] == [first.id, second.id, third.id]
    assert {each.state for each in Api().runs("p")} == {"finished"}


def test_a_run_is_resumed_by_its_name(trackio: Any) -> None:
    """In another process too, as `resume` says; its steps go on."""
    first = trackio.init(project="p", name="a")
    trackio.log({"x": 1.0})
    trackio.finish()
    assert trackio.init(project="p", name="a", resume="must").id == first.id
    trackio.log({"x": 2.0})
    trackio.finish()
    assert points(only_run(), "x") == [(0, 1.0), (1, 2.0)]
    with pytest.raises(ConfigError):
        trackio.init(project="p", name="b", resume="must")


def test_what_is_active_can_be_asked_for(trackio: Any) -> None:
    """By `context_vars`, `config` and the run itself; in the run of `otel_trackio.init`, too."""
    variables = trackio.context_vars
    assert variables.current_run.get() is None
    assert variables.current_project.get("none") == "none"
    with pytest.raises(ConfigError, match=r"call trackio\.init"):
        trackio.config["lr"]
    otel_trackio.init("native", "run", config={"lr": 1})
    assert variables.current_run.get().name == "run"
    assert variables.current_project.get() == "native"
    trackio.config.update({"lr": 2, "model/size": 3}, allow_val_change=True)
    trackio.config["batch"] = 4
    assert trackio.config.lr == 2
    trackio.log({"a": 1.0})
    trackio.finish()
    assert variables.current_run.get() is None
    assert only_run().config == {"lr": 2, "model/size": 3, "batch": 4}


def test_without_a_run_calls_say_what_to_do(trackio: Any) -> None:
    """`init` first; Trackio raises a RuntimeError, which scripts may expect."""
    calls: tuple[Callable[[], object], ...] = (
        lambda: trackio.log({"a": 1}),
        lambda: trackio.log_system({"a": 1}),
        lambda: trackio.alert("a"),
        lambda: trackio.log_cpu(),
        lambda: trackio.save("x"),
    )
    for call in calls:
        with pytest.raises(ConfigError, match=r"call trackio\.init") as raised:
            call()
        assert isinstance(raised.value, RuntimeError)


def test_hardware_is_recorded_when_asked_for(trackio: Any) -> None:
    """Once by `log_cpu`, and every so often by `auto_log_cpu`, under Trackio's names."""
    run = trackio.init(project="p", auto_log_cpu=True, cpu_log_interval=0.1)
    once = trackio.log_cpu()
    assert trackio.log_gpu(run, device=99) == {}
    assert {"cpu/utilization", "memory/used", "memory/total", "swap/used"} <= set(once)
    wanted = {"cpu/utilization", "memory/percent", "disk/read_mb_per_sec"}
    for _ in range(600):
        time.sleep(0.05)
        run.run.flush()
        found = {each.key: each.count for each in only_run().metrics()}
        if wanted <= found.keys() and found["cpu/utilization"] > 2:
            break
    assert found["cpu/utilization"] > 2
    trackio.finish()
    assert not any(each._thread.is_alive() for each in run.samplers)


@pytest.mark.parametrize("broken", ["cpu_percent", "disk_io_counters"])
def test_hardware_that_cannot_be_read_stops_nothing(
    trackio: Any, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said and counted: containers hide some of it, and drivers fail."""

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("hidden")

    monkeypatch.setattr(psutil, broken, fail)
    run = trackio.init(project="p", auto_log_cpu=True, cpu_log_interval=0.1)
    assert trackio.log_cpu() == {}
    trackio.log({"a": 1.0})
    for _ in range(600):
        if run.run.diagnostics.counts()["hardware.failed"] > 1:
            break
        time.sleep(0.05)
    assert run.run.diagnostics.counts()["hardware.failed"] > 1
    trackio.finish()
    assert points(only_run(), "a") == [(0, 1.0)]


def test_a_run_is_a_context_manager(trackio: Any) -> None:
    """It ends with the block, as failed if that raises."""
    with trackio.init(project="p", name="good") as run:
        run.log({"a": 1.0})
    with pytest.raises(ZeroDivisionError), trackio.init(project="p", name="bad"):
        trackio.log({"a": 1 / 0})
    assert [each.state for each in Api().runs("p")] == ["finished", "failed"]

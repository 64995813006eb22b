"""Starting, recording and ending runs through the public functions."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import otel_trackio
from otel_trackio import Api, ConfigError


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")


def values(run: otel_trackio.Run, key: str, **options: Any) -> list[Any]:
    found = Api().run(run.id).history(key, **options)["value"].tolist()
    assert isinstance(found, list)
    return found


def test_run_is_visible_from_the_start() -> None:
    """A run can be found, with its config, before anything is logged."""
    run = otel_trackio.init("p", "first", config={"lr": 0.1}, group="g", tags=["t"], notes="n")
    stored = Api().run("p/first")
    facts = stored.facts()
    assert (facts.name, facts.project, facts.group) == ("first", "p", "g")
    assert (facts.tags, facts.notes, facts.config) == (("t",), "n", {"lr": 0.1})
    assert (stored.name, stored.project, stored.tags) == ("first", "p", ("t",))
    assert (stored.config, stored.summary, stored.state) == ({"lr": 0.1}, {}, "running")
    assert stored.standing().state == "running"
    run.finish()
    assert stored.standing().state == run.state == "finished"


def test_what_log_returned_is_seen_at_once() -> None:
    """Readers see what was logged before it is stored."""
    with otel_trackio.init("p") as run:
        run.log({"x": 1}, step=3)
        assert values(run, "x") == [1]


def test_exception_in_the_block_fails_the_run() -> None:
    """The error is kept with the state, and raised all the same."""
    with pytest.raises(ZeroDivisionError), otel_trackio.init("p") as run:
        run.log({"x": 1})
        raise ZeroDivisionError("by hand")
    stored = Api().run(run.id)
    assert stored.standing().state == "failed"
    assert values(run, "x") == [1]


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        ("", "finished"),
        ("raise SystemExit(0)", "finished"),
        ("with run: raise SystemExit(0)", "finished"),
        ("with run: raise SystemExit(3)", "failed"),
        ("raise RuntimeError('boom')", "failed"),
        ("run.finish(exit_code=3)", "failed"),
        ("import os; os._exit(0)", "crashed"),
    ],
)
def test_state_tells_how_the_process_ended(ending: str, state: str) -> None:
    """However a process ends, what it logged is there and the state says how it went."""
    code = f"import otel_trackio; run = otel_trackio.init('p'); run.log({{'x': 7}})\n{ending}"
    subprocess.run([sys.executable, "-c", code], capture_output=True)
    [stored] = Api().runs()
    assert stored.standing().state == state
    assert stored.history("x")["value"].tolist() == [7]


def test_finish_is_idempotent_and_logging_afterwards_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A second `finish` does nothing; a late `log` warns, is counted and breaks nothing."""
    run = otel_trackio.init("p")
    run.finish()
    run.finish(exit_code=1)
    run.log({"x": 1})
    assert run.state == "finished"
    assert run.diagnostics.counts() == {"dropped.finished": 1}
    assert "call init()" in caplog.text


def test_second_init_finishes_the_first_unless_it_is_the_same() -> None:
    """`init` of another run ends the active one; naming the active one returns it."""
    first = otel_trackio.init("p", "a")
    assert otel_trackio.init("p", "a", config={"later": 1}) is first
    assert otel_trackio.init(id=first.id) is first
    assert first.config["later"] == 1
    second = otel_trackio.init("p", "b")
    assert first.state == "finished"
    second.finish()


def test_module_functions_need_a_run() -> None:
    """`log` and `config` before `init` say what to do; `finish` has nothing to do."""
    code = """if True:
        import otel_trackio
        otel_trackio.finish()
        for use in (lambda: otel_trackio.log({"x": 1}), lambda: otel_trackio.config):
            try:
                use()
            except otel_trackio.ConfigError as error:
                print(error)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "no run is active; call otel_trackio.init() first\n" * 2


def test_module_log_after_finish_breaks_nothing() -> None:
    """After the end of a run `otel_trackio.log` warns and counts, as `run.log` does."""
    run = otel_trackio.init("p")
    otel_trackio.finish()
    otel_trackio.log({"x": 1})
    assert run.diagnostics.counts() == {"dropped.finished": 1}


def test_resume_goes_on_with_a_run() -> None:
    """A resumed run is a new attempt: steps go on, config stays, and redone steps win."""
    with otel_trackio.init("p", "r", config={"lr": 1}) as first:
        for step in range(5):
            first.log({"x": step})
    with otel_trackio.init("p", "r", resume="must") as second:
        assert (second.id, second.attempt) == (first.id, 2)
        assert second.config["lr"] == 1
        second.log({"x": 50})
        second.log({"x": 30}, step=3)
    history = Api().run(first.id).history("x")
    assert history["step"].tolist() == [0, 1, 2, 3, 4, 5]
    assert history["value"].tolist() == [0, 1, 2, 30, 4, 50]


def test_resume_rules() -> None:
    """An id that exists, or that has to, and does not: both are said before anything is logged."""
    otel_trackio.init("p", id="mine").finish()
    with pytest.raises(ConfigError, match="exists already"):
        otel_trackio.init("p", id="mine")
    with pytest.raises(ConfigError, match="no run 'other'"):
        otel_trackio.init("p", id="other", resume="must")
    with pytest.raises(ConfigError, match="no run p/none"):
        otel_trackio.init("p", "none", resume="must")
    otel_trackio.init("p", id="other", resume="allow").finish()
    assert [run.id for run in Api().runs()] == ["mine", "other"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "onlin"}, "cannot use mode='onlin'; give one of online, offline, disabled"),
        ({"resume": "yes"}, "cannot use resume='yes'"),
        ({"name": "a", "run_name": "b"}, "give one of them"),
        ({"config": [1, 2]}, r"config \[1, 2\] is a list; pass a dict"),
        ({"resume": "must"}, "give its id"),
    ],
)
def test_bad_arguments_name_value_and_remedy(arguments: Any, message: str) -> None:
    """A bad argument raises before the run starts."""
    with pytest.raises(ConfigError, match=message):
        otel_trackio.init("p", **arguments)


def test_disabled_run_takes_everything_and_writes_nothing(tmp_path: Path) -> None:
    """`mode="disabled"` needs no change to the script."""
    with otel_trackio.init("p", mode="disabled", config={"a": 1}) as run:
        run.log({"x": 1})
        run.alert("nothing")
        run.summary["best"] = 1
        assert run.config.a == 1
    otel_trackio.log({"x": 2})
    assert (run.state, run.path) == ("disabled", None)
    assert list(tmp_path.rglob("*")) == []


def test_config_and_summary_are_saved_when_they_change() -> None:
    """Changes are there at once; secrets never are."""
    with otel_trackio.init("p", config={"api_key": "s3cret"}) as run:
        run.config.update(lr=0.5, nested={"password": "x", "layers": 2})
        run.config.seed = 7
        run.summary["best"] = math.inf
        facts = Api().run(run.id).facts()
    assert facts.config == {
        "api_key": "[redacted]",
        "lr": 0.5,
        "nested": {"password": "[redacted]", "layers": 2},
        "seed": 7,
    }
    assert facts.summary == {"best": "Infinity"}
    assert b"s3cret" not in b"".join(p.read_bytes() for p in Path(run.path or "").iterdir())


def test_start_and_finish_say_little(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """At most three lines at the start and one at the end, on stderr alone."""
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "0")
    run = otel_trackio.init("p", "talks")
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.splitlines()) <= 3
    assert "p/talks" in err
    assert str(run.path) in err
    run.finish()
    out, err = capfd.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)


def test_default_names_are_readable_and_distinct() -> None:
    """Runs without a name get one that no other run has."""
    names = set()
    for _ in range(5):
        with otel_trackio.init() as run:
            assert run.project == "default"
            names.add(run.name)
    assert len(names) == 5


def test_environment_names_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """TRACKIO_PROJECT, then OTEL_SERVICE_NAME, name the project."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "service")
    with otel_trackio.init() as run:
        assert run.project == "service"
    monkeypatch.setenv("TRACKIO_PROJECT", "trackio")
    with otel_trackio.init() as run:
        assert run.project == "trackio"


def test_import_touches_nothing(tmp_path: Path) -> None:
    """Importing makes no folder, no thread and no logger output."""
    code = "import threading, otel_trackio; print(threading.active_count())"
    environ = {**os.environ, "OTEL_TRACKIO_DIR": str(tmp_path / "none")}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1\n", "")
    assert not (tmp_path / "none").exists()


def test_module_config_is_that_of_the_active_run() -> None:
    """`otel_trackio.config` reads and changes the active run's config."""
    with otel_trackio.init("p", config={"lr": 1}) as run:
        otel_trackio.config["seed"] = 3
        assert otel_trackio.config.lr == 1
    assert Api().run(run.id).facts().config == {"lr": 1, "seed": 3}


@dataclass
class Hyperparameters:
    lr: float = 0.1


@pytest.mark.parametrize(
    "config", [{"lr": 0.1}, Namespace(lr=0.1), Hyperparameters(), SimpleNamespace(lr=0.1)]
)
def test_config_may_be_what_scripts_have(config: object) -> None:
    """A dict, an argparse Namespace, a dataclass: all are configs."""
    with otel_trackio.init("p", config=config) as run:
        assert run.config.lr == 0.1
    assert Api().run(run.id).facts().config == {"lr": 0.1}


def test_assigning_config_and_summary_saves_them() -> None:
    """`run.config = {...}` is no way to lose a config."""
    with otel_trackio.init("p") as run:
        run.config = {"lr": 1}
        run.summary = {"best": 2}
    facts = Api().run(run.id).facts()
    assert (facts.config, facts.summary) == ({"lr": 1}, {"best": 2})


def test_the_id_of_a_deleted_run_is_not_used_again() -> None:
    """Whoever names it is told; nothing is recorded where nobody will see it."""
    with otel_trackio.init("p", id="mine") as run:
        run.log({"x": 1})
    Api().run("mine").delete()
    with pytest.raises(ConfigError, match="was deleted; choose another id"):
        otel_trackio.init("p", id="mine", resume="allow")


def test_finish_and_init_in_two_threads_do_not_wait_for_each_other() -> None:
    """One thread ends the run while another starts the next: both come to their end."""
    for _ in range(20):
        run = otel_trackio.init("p")
        other = threading.Thread(target=run.finish)
        other.start()
        otel_trackio.init("p").finish()
        other.join(30)
        assert not other.is_alive()


def test_each_run_begins_without_a_step() -> None:
    """`set_step` of one run does not reach into the next; steps end at the greatest there is."""
    with otel_trackio.init("p") as run:
        otel_trackio.set_step(9)
        run.log({"x": 1})
    with otel_trackio.init("p") as run:
        run.log({"x": 1})
        run.log({"x": 2}, step=2**63 - 1)
        run.log({"x": 3})
    history = Api().run(run.id).history("x", all=True)
    assert history["step"].tolist() == [0, 2**63 - 1, 2**63 - 1]


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-"])
def test_a_dead_stderr_is_no_reason_to_stop(redirection: str) -> None:
    """What cannot be said is not said: training goes on, and stdout stays the user's."""
    code = "import otel_trackio; run = otel_trackio.init(); run.log({'x': 1}); run.finish()"
    command = f'OTEL_TRACKIO_SILENT=0 {sys.executable} -c "{code}" {redirection}'
    done = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, check=False)
    assert (done.returncode, done.stdout) == (0, b"")
    [run] = Api().runs()
    assert run.standing().state == "finished"


def test_the_worst_rank_tells_the_state() -> None:
    """A rank that failed is not outdone by one that was restarted and ended well."""
    code = "import sys, otel_trackio; run = otel_trackio.init(); run.log({'x': 1}); "
    launched = {"WORLD_SIZE": "2", "OTEL_TRACKIO_RUN_ID": "job", "LOCAL_RANK": "0"}

    def rank(number: str, ending: str) -> None:
        environ = {**os.environ, **launched, "RANK": number}
        subprocess.run([sys.executable, "-c", code + ending], env=environ, capture_output=True)

    rank("0", "import os; os._exit(1)")
    rank("1", "raise RuntimeError")
    rank("0", "run.finish()")
    assert Api().run("job").standing().state == "failed"

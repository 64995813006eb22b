"""`otel-trackio run`: what it starts, and what it leaves as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from otel_trackio import Api
from tests.launcher.launching import PROGRAM, environment, script, start, told

SHOW = "import sys; print(sys.argv[1:], __name__); sys.exit(3)"


@pytest.mark.parametrize(
    "command",
    [("python", "train.py"), ("train.py",), ("-m", "train"), (sys.executable, "-m", "train")],
    ids=" ".join,
)
def test_the_command_gets_its_arguments_and_gives_its_exit_code(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Even arguments that read like options of ours."""
    script(tmp_path, SHOW)
    done = start(tmp_path, (*command, "--project", "x", "-h", "--"), ("--name", "n"))
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == "['--project', 'x', '-h', '--'] __main__\n"


def test_signals_reach_the_command_itself(tmp_path: Path) -> None:
    """It takes the place of `otel-trackio run`: there is no process between."""
    script(tmp_path, "import time; print('here', flush=True); time.sleep(600)")
    command = [*PROGRAM, "run", "python", "train.py"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "here\n"
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == -signal.SIGTERM


def test_options_say_what_the_run_is(tmp_path: Path) -> None:
    """As the arguments of `init` do, which win where both are given."""
    script(tmp_path, "import otel_trackio as o\nwith o.init(group='own') as run: run.log({'x': 1})")
    options = "--project p --name n --group g --tag a --tag b --mode offline --dir elsewhere"
    told(tmp_path, ("python", "train.py"), options.split())
    with Api(tmp_path / "elsewhere") as api:
        (run,) = api.runs()
        facts = run.facts()
    assert (facts.project, facts.name, facts.group, facts.tags) == ("p", "n", "own", ("a", "b"))


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ([], "no command; as in: otel-trackio run python train.py"),
        (["nothing-of-that-name"], "no program 'nothing-of-that-name'"),
        (["--projct", "p", "python"], "no option '--projct'; see otel-trackio run --help"),
        (
            ["--mode", "online", "--remote", "ftp://x", "python", "-c", "1"],
            "'ftp://x' is no remote",
        ),
    ],
    ids=["no command", "no program", "no option", "no remote"],
)
def test_what_cannot_be_run_is_refused(tmp_path: Path, arguments: list[str], refusal: str) -> None:
    """In a line that names it, before anything runs."""
    done = start(tmp_path, arguments)
    assert done.returncode in (1, 2)
    assert refusal in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_what_does_not_train_loads_nothing_of_ours(tmp_path: Path) -> None:
    """Nor anything else that Python had not loaded: every small process below runs this."""
    show = "import sys; print(*sorted(sys.modules))"
    below = set(told(tmp_path, ("python", "-c", show)).split())
    plain = subprocess.run(
        ["python", "-c", show], env=environment(tmp_path), capture_output=True, text=True
    )
    assert below - set(plain.stdout.split()) <= {"sitecustomize", "__future__"}


def test_another_sitecustomize_runs_too(tmp_path: Path) -> None:
    """The first on the path after ours, as it would without us; so do the processes below."""
    folder = tmp_path / "site"
    folder.mkdir()
    script(folder, "print('theirs')", "sitecustomize.py")
    below = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1)'])"
    path = os.pathsep.join([str(folder), environment(tmp_path)["PYTHONPATH"]])
    shown = told(tmp_path, ("python", "-u", "-c", below), PYTHONPATH=path)
    assert shown.split() == [*["theirs"] * 3, "1"]  # Ours, the command, and what that starts.


def test_a_python_without_us_says_so_and_goes_on(tmp_path: Path) -> None:
    """With the line that installs us there."""
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", other], check=True)
    script(tmp_path, "print('transformers of', __name__)", "transformers.py")
    python = str(other / "bin" / "python")
    done = start(tmp_path, (python, "-c", "import transformers"), PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "transformers of transformers\n")
    assert done.stderr == (
        f"otel-trackio: trainers are not recorded: {python} lacks otel_trackio;"
        f" {python} -m pip install otel-trackio\n"
    )


USES_TRACKIO = """
import importlib.util
assert importlib.util.find_spec("trackio") is not None
import trackio
from trackio import context_vars
print(trackio.__name__, trackio.__spec__.name)
"""


def test_trackio_is_found_where_it_is_not_installed(tmp_path: Path) -> None:
    """By its own name, without an edit; its calls record."""
    more = "trackio.init(project='p'); trackio.log({'loss': 1.5}); trackio.finish()"
    shown = told(tmp_path, ("python", "-c", f"{USES_TRACKIO}\n{more}"))
    assert shown == "otel_trackio.trackio otel_trackio.trackio\n"
    with Api(tmp_path) as api:
        (run,) = api.runs("p")
        assert run.history("loss")["value"].tolist() == [1.5]


def test_trackio_that_is_installed_stays_what_it_is(tmp_path: Path) -> None:
    """Ours stands last."""
    real = tmp_path / "trackio"
    real.mkdir()
    script(real, "", "__init__.py")
    script(real, "", "context_vars.py")
    assert told(tmp_path, ("python", "-c", USES_TRACKIO)) == "trackio trackio\n"

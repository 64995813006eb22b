"""`otel-trackio run`: what it starts, and what it leaves as it was."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import textwrap
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


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-"])
def test_a_dead_stderr_keeps_no_command_from_running(tmp_path: Path, redirection: str) -> None:
    """A job whose logs have no room, or no place, trains all the same."""
    command = f"{shlex.join(PROGRAM)} run python -c 'print(1)' {redirection}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "1\n")


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


def test_signals_that_python_ignores_are_not_passed_on(tmp_path: Path) -> None:
    """A shell below has its pipes end as they would without us."""
    show = "import signal; print(signal.getsignal(signal.SIGPIPE) is signal.SIG_DFL)"
    piped = f"yes | head -n 1; echo ${{PIPESTATUS[0]}}; python -c '{show}'"
    assert told(tmp_path, ("bash", "-c", piped)).split() == [
        "y",
        str(128 + signal.SIGPIPE),
        "False",
    ]


def test_an_empty_place_in_pythonpath_is_the_current_folder(tmp_path: Path) -> None:
    """As it is without us: `export PYTHONPATH=$PYTHONPATH:src` makes one."""
    below = tmp_path / "scripts"
    below.mkdir()
    script(tmp_path, "print('mine')", "mine.py")
    script(below, "import mine")
    path = os.pathsep.join(["", environment(tmp_path)["PYTHONPATH"]])
    assert told(tmp_path, ("python", "scripts/train.py"), PYTHONPATH=path) == "mine\n"


def test_a_script_that_anybody_may_run_is_run_by_python(tmp_path: Path) -> None:
    """On some disks all files may be; one that says by what, and where it is, runs by that."""
    made = script(tmp_path, "import sys; print(sys.version_info.major)")
    made.chmod(0o755)
    for command in ("train.py", "./train.py"):
        assert told(tmp_path, (command,)) == "3\n"
    script(tmp_path, "#!/bin/echo\n").chmod(0o755)
    assert told(tmp_path, ("./train.py", "by itself")) == "./train.py by itself\n"


@pytest.mark.parametrize(
    ("options", "is_said"), [(["-I"], True), (["-uE"], True), (["-u", "-B"], False), ([], False)]
)
def test_a_python_that_cannot_find_us_is_told_of(
    tmp_path: Path, options: list[str], is_said: bool
) -> None:
    """Else a training would not be recorded, and nobody said why."""
    done = start(tmp_path, ("python", *options, "-c", "print(1)", "-I"))
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert ("otel_trackio.instrument()" in done.stderr) == is_said


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
        (["nothing.py"], "no program 'nothing.py'"),
        (["./no-program"], "cannot run ./no-program: exec format error"),
        (["--projct", "p", "python"], "no option '--projct'; see otel-trackio run --help"),
        (
            ["--mode", "online", "--remote", "ftp://x", "python", "-c", "1"],
            "'ftp://x' is no remote",
        ),
    ],
    ids=["no command", "no program", "no script", "no format", "no option", "no remote"],
)
def test_what_cannot_be_run_is_refused(tmp_path: Path, arguments: list[str], refusal: str) -> None:
    """In a line that names it, before anything runs."""
    script(tmp_path, "neither a program nor a script", "no-program").chmod(0o755)
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


OTHER_TRANSFORMERS = """
import accelerate.tracking
import transformers.trainer
import transformers.integrations.integration_utils
from transformers import trainer_callback
print("imported", trainer_callback.__name__)
"""


def test_a_library_that_is_not_as_we_know_it_is_imported_all_the_same(tmp_path: Path) -> None:
    """A version to come, say: it is said that trainers are not recorded, and nothing breaks."""
    for name in (
        "accelerate/__init__",
        "accelerate/tracking",
        "transformers/__init__",
        "transformers/integrations/__init__",
        "transformers/trainer",
        "transformers/trainer_callback",
        "transformers/integrations/integration_utils",
    ):
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    script(tmp_path, OTHER_TRANSFORMERS)
    done = start(tmp_path, ("python", "train.py"))
    assert (done.returncode, done.stdout) == (0, "imported transformers.trainer_callback\n")
    for module in ("accelerate.tracking", "transformers.integrations.integration_utils"):
        assert f"{module} does not know otel_trackio: " in done.stderr
    assert "preparing of a trainer was not recorded: AttributeError" in done.stderr
    assert "Traceback" not in done.stderr


def test_finders_stay_where_they_are(tmp_path: Path) -> None:
    """While others go through them, as an import in another thread does."""
    code = """
        import sys
        before = list(sys.meta_path)
        import transformers, accelerate
        assert sys.meta_path[-len(before):] == before, sys.meta_path
    """
    for name in ("transformers", "accelerate"):
        script(tmp_path, "", f"{name}.py")
    script(tmp_path, textwrap.dedent(code))
    told(tmp_path, ("python", "train.py"))


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

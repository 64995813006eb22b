"""The program as a whole: help, options, mistakes, extensions, and being read by others."""

from __future__ import annotations

import json
import re
import signal
import sys
from pathlib import Path
from subprocess import run
from typing import TYPE_CHECKING

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

import otel_trackio
from otel_trackio.cli import extension, main

if TYPE_CHECKING:
    from tests.sdk.cli.conftest import Program

LOOKING = ("ls", "info", "get", "watch", "alerts")
COMMANDS = (*LOOKING, "tag", "mv", "rm", "sync", "pull", "replay", "import", "doctor", "demo")


def test_without_a_command_it_shows_its_help(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command is in it with one line, then what RUN may be, then the exit codes."""
    shown = program()
    assert shown == program("--help") == program("-h")
    for name in (*COMMANDS, "show", "collector"):
        assert len(re.findall(rf"^  {name} +\S", shown, re.MULTILINE)) == 1
    for code in range(4):
        assert f"\n  {code}  " in shown
    assert max(map(len, shown.splitlines())) <= 80
    monkeypatch.setattr(extension, "entry_points", lambda group: [])  # As if alone.
    narrow = CliRunner(env={"COLUMNS": "40"}).invoke(main, ["--help"]).stdout
    for page in (program(), narrow):  # A line to be copied is never broken.
        assert "pip install 'otel-trackio[collector]'\n" in page


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(program: Program, command: str) -> None:
    """It names the command, and an option to say where the runs are."""
    shown = program(command, "--help")
    assert shown.startswith(f"Usage: otel-trackio {command} ")
    assert "--dir DIR" in shown


def test_it_knows_its_version(program: Program) -> None:
    """`--version` is the version of the package."""
    assert program("--version") == f"otel-trackio {otel_trackio.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--dir", "SHELF", "--json", "ls", "digits"),
        ("ls", "--json", "--dir", "SHELF", "digits"),
        ("--dir", "/nowhere", "ls", "digits", "--dir", "SHELF", "--json"),
    ],
)
def test_shared_options_stand_before_the_command_or_after_it(
    shelf: Path, arguments: tuple[str, ...]
) -> None:
    """Where both say something, the one after the command counts."""
    ran = CliRunner().invoke(main, [each.replace("SHELF", str(shelf)) for each in arguments])
    assert ran.exit_code == 0
    assert [each["name"] for each in json.loads(ran.stdout)] == ["small", "odd"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("lst",), 2, "no command 'lst'; did you mean ls?"),
        (("zigzag",), 2, "no command 'zigzag'; see otel-trackio --help"),
        (("remote", "lst"), 2, "no such command 'lst'; "),
        (("ls", "--jsn"), 2, "no such option --jsn; did you mean --json?"),
        (("ls", "a", "b"), 2, "got unexpected extra argument (b); see otel-trackio ls --help"),
        (("ls", "digit"), 1, "no project 'digit'; did you mean digits?"),
        (("ls", "xyz"), 1, "no project 'xyz'; otel-trackio ls shows what there is"),
        (("ls", "--limit", "0"), 2, "invalid value for '--limit': 0 is not in the range x>=1"),
        (("ls", "--state", "done"), 2, "invalid value for '--state': 'done' is not one of"),
        (("info",), 2, "missing argument 'RUN'; see otel-trackio info --help"),
        (("info", "smal"), 1, "no run 'smal'; did you mean digits/small"),
        (("info", "digits/odd/"), 1, "no run 'digits/odd/'; did you mean digits/odd"),
        (("info", "xyzxyz"), 1, "no run 'xyzxyz'; otel-trackio ls shows what there is"),
        (("info", ""), 1, "no run ''; otel-trackio ls shows what there is"),
        (("info", "../x"), 1, "no run '../x'; otel-trackio ls shows what there is"),
        (("get", "small"), 2, "no metric given; it has eval/accuracy, gpu/temperature"),
        (("get", "small", "tran/loss"), 1, "no metric 'tran/loss'; did you mean 'train/loss'"),
        (("get", "small", "z*"), 1, "no metric 'z*'; it has eval/accuracy"),
        (("get", "small", "train/loss", "--rank", "x"), 2, "invalid value for '--rank': 'x' is"),
        (("get", "small", "train/loss", "--rank", "7"), 1, "rank 7 of run"),
        (("get", "small", "train/loss", "-f", "xml"), 2, "invalid value for '--format' / '-f'"),
        (("get", "small", "train/*", "--all"), 2, "--all is for one metric at a time"),
        (("get", "small", "train/*", "--rank", "all"), 2, "--rank all is for one metric"),
        (("get", "small", "weights", "--rank", "0"), 2, "--rank is not for histograms"),
        (("get", "small", "weights", "train/lr"), 2, "'weights' is a histogram; get it alone"),
        (("get", "small", "train/lr", "-o", "/x/y.csv"), 1, "cannot write /x/y.csv: No such file"),
        (("get", "small", "train/lr", "-o", "a.xlsx"), 2, "no format is called like a.xlsx; give"),
        (("get", "small", "train/lr", "--json", "-f", "csv"), 2, "--json and --format csv differ"),
        (("watch", "small", "los", "--once"), 1, "no metric 'los'; it has eval/accuracy"),
        (("watch", "small", "weights", "--once"), 2, "'weights' is a histogram; otel-trackio get"),
        (("alerts", "smal"), 1, "no run 'smal'; did you mean digits/small"),
        (("mv", "small"), 2, "missing argument 'PROJECT[/NAME]'; see otel-trackio mv --help"),
        (("mv", "small", "digits/odd"), 1, "digits/odd is the name of run "),
        (("tag", "small", "--short"), 2, "'--short' is no tag; give TAG, +TAG or -TAG"),
        (("tag", "small", "-"), 2, "'-' is no tag; give TAG, +TAG or -TAG"),
        (("rm",), 2, "missing argument 'RUN...'; see otel-trackio rm --help"),
        (("rm", "small", "smal", "--yes"), 1, "no run 'smal'; did you mean digits/small"),
        (("info", "digits"), 1, "'digits' is a project; otel-trackio ls digits"),
        (("info", "digits/xyz"), 1, "no run 'digits/xyz'; otel-trackio ls shows what there is"),
        (("run",), 2, "no command; as in: otel-trackio run python train.py"),
    ],
)
def test_a_mistake_is_answered_with_one_line_and_a_remedy(
    program: Program, arguments: tuple[str, ...], status: int, said: str
) -> None:
    """It says what was wrong and what to do, on standard error, and the exit code tells how bad."""
    found, line = program.refusal(*arguments)
    assert (found, line[: len(said) + 7]) == (status, f"error: {said}")
    assert "\n" not in line


def test_a_directory_that_cannot_be_meant_is_named(program: Program, tmp_path: Path) -> None:
    """One that is not there, and the folder inside of it that holds the runs themselves."""
    assert program.refusal("ls", "--dir", str(tmp_path / "nowhere")) == (
        2,
        f"error: no directory {tmp_path}/nowhere; give the folder that holds runs/",
    )
    assert program.refusal("ls", "--dir", str(program.dir / "runs")) == (
        2,
        f"error: no runs/ in {program.dir}/runs; did you mean {program.dir}?",
    )
    (tmp_path / "runs").mkdir()
    assert CliRunner().invoke(main, ["ls", "--dir", str(tmp_path / "runs")]).exit_code == 0


def test_a_setting_that_cannot_be_used_is_named(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that makes no sense is the user's mistake, as a wrong option is."""
    monkeypatch.setenv("OTEL_TRACKIO_INTERVAL", "soon")
    status, line = program.refusal("ls")
    assert status == 2
    assert line.startswith("error: cannot use OTEL_TRACKIO_INTERVAL='soon'; give seconds")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("show", "the dashboard is not installed; pip install 'otel-trackio[space]'"),
        ("collector", "the collector is not installed; pip install 'otel-trackio[collector]'"),
    ],
)
@pytest.mark.parametrize("there", ["absent", "without its dependencies"])
def test_a_missing_extra_answers_with_its_pip_line(
    program: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    line: str,
    there: str,
) -> None:
    """Whether its package is not there, or cannot be imported; the help names the line too."""
    if there == "absent":
        monkeypatch.setattr(extension, "entry_points", lambda group: [])
    else:
        install_extension(tmp_path, name, "import nothing_like_this")
        monkeypatch.syspath_prepend(tmp_path)
    assert program.refusal(name, "--port", "1") == (1, f"error: {line}")
    assert name in program("--help")


def test_the_demo_without_its_data_answers_with_its_pip_line(
    own: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And records nothing."""
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    status, line = own.refusal("demo")
    assert (status, line[-26:]) == (1, "pip install 'scikit-learn'")
    assert own.json("ls") == []


def test_an_extension_is_a_command_like_any_other(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the help unloaded, gets its arguments, and knows the directory."""
    source = """
import click
from otel_trackio.cli.invocation import pass_invocation

@click.command()
@click.argument("word")
@pass_invocation
def command(invocation, word):
    print(word, invocation.api.dir)
"""
    install_extension(tmp_path, "shout", source)
    monkeypatch.syspath_prepend(tmp_path)
    assert re.search(r"^  shout +From shout_extension\.$", program("--help"), re.MULTILINE)
    assert "shout_extension" not in sys.modules
    assert program("shout", "hey") == f"hey {program.dir}\n"
    assert "; did you mean shout" in program.refusal("shuot")[1]


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        (
            "mumble",
            "import nothing_like_this",
            "cannot load 'mumble' from mumble_extension:command: No module",
        ),
        (
            "whisper",
            "command = 1",
            "whisper_extension:command is no click command; tell its author",
        ),
    ],
)
def test_an_extension_that_is_broken_is_named(
    program: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    source: str,
    said: str,
) -> None:
    """Of another's package no pip line of ours would help; the rest of the program works."""
    install_extension(tmp_path, name, source)
    monkeypatch.syspath_prepend(tmp_path)
    status, line = program.refusal(name)
    assert (status, line[: len(said) + 7]) == (1, f"error: {said}")
    assert program("ls")


def install_extension(folder: Path, name: str, source: str) -> None:
    (folder / f"{name}_extension.py").write_text(source)
    about = folder / f"{name}_extension-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Name: {name}-extension\nVersion: 1.0\n")
    entry = f"[otel_trackio.commands]\n{name} = {name}_extension:command\n"
    (about / "entry_points.txt").write_text(entry)


def test_a_shell_completes_the_names_of_runs(program: Program, tmp_path: Path) -> None:
    """Each name once; where there is nothing to offer, nothing is said."""
    complete = ShellComplete(main, {}, "otel-trackio", "_OTEL_TRACKIO_COMPLETE")
    here = ["--dir", str(program.dir), "get"]
    offered = [item.value for item in complete.get_completions(here, "words/")]
    assert sorted(offered)[-3:] == ["words/fails", "words/ranks", "words/same"]
    nowhere = ["info", "--dir", str(tmp_path / "nowhere")]
    assert complete.get_completions(nowhere, "") == []


def test_it_runs_as_a_module_and_stops_quietly_when_its_reader_has_enough(
    program: Program, own: Program
) -> None:
    """`python -m otel_trackio ... | head -1` shows a line, no complaint, and counts as fine."""
    with otel_trackio.init("p", "long", dir=own.dir) as recorded:
        for step in range(20_000):
            recorded.log({"x": 0.1}, step)
    with own.start("get", "long", "x", "--format", "csv") as reader:
        assert reader.stdout is not None
        assert reader.stderr is not None
        assert reader.stdout.readline() == "step,time,value\n"
        reader.stdout.close()
        assert reader.stderr.read() == ""
        assert reader.wait(60) == 0


def test_ctrl_c_ends_it_without_a_word(own: Program) -> None:
    """While it waits for an answer, a SIGINT is no traceback."""
    command = [sys.executable, "-c", INTERRUPTED]
    ran = run(command, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr.strip()) == (130, "", "")


INTERRUPTED = f"""
import os, click
from otel_trackio.cli import main
from otel_trackio.cli.demo import demo

def wait(**options):
    os.kill(os.getpid(), {int(signal.SIGINT)})
    click.pause()

demo.callback = wait
main(["demo"])
"""


def test_names_cannot_steer_the_terminal(program: Program) -> None:
    """Escapes, newlines and markup in a name are shown as what they are."""
    for arguments in (("ls",), ("info", "words/[red]\x1b[31m\nname")):
        shown = program(*arguments)
        assert "\x1b" not in shown
        assert r"[red]\x1b[31m\nname" in shown

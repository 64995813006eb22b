"""A folder of recorded runs to look at, and the program as its users call it."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest
from click.testing import CliRunner, Result

import otel_trackio
from otel_trackio.cli import main
from tests.fakes.watched import Watched

HOSTILE = "[red]\x1b[31m\nname"


@dataclass(frozen=True, slots=True)
class Program:
    """`otel-trackio` on a folder, in this process or in one of its own."""

    dir: Path

    def run(self, *arguments: str, input: str | None = None) -> Result:
        return CliRunner().invoke(main, ["--dir", str(self.dir), *arguments], input=input)

    def __call__(self, *arguments: str, input: str | None = None) -> str:
        """What it prints where all is well."""
        ran = self.run(*arguments, input=input)
        assert ran.exit_code == 0, ran.output
        return ran.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))

    def refusal(self, *arguments: str, input: str | None = None) -> tuple[int, str]:
        """The exit code, and the one line that says what is wrong."""
        ran = self.run(*arguments, input=input)
        assert ran.stdout == ""
        return ran.exit_code, ran.stderr.removesuffix("\n")

    def start(self, *arguments: str) -> Popen[str]:
        command = [sys.executable, "-m", "otel_trackio", *arguments]
        environment = {**os.environ, "OTEL_TRACKIO_DIR": str(self.dir)}
        return Popen(command, env=environment, stdout=PIPE, stderr=PIPE, text=True)

    def opened(self) -> list[str]:
        """Files of the folder that this process has open."""
        links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        return [name for name in map(os.readlink, links) if name.startswith(str(self.dir))]


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of two projects, recorded once; nobody may change them."""
    folder = tmp_path_factory.mktemp("shelf")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_TRACKIO_SILENT", "1")
        record_shelf(folder, patch)
    return folder


def record_shelf(folder: Path, patch: pytest.MonkeyPatch) -> None:
    config = {"lr": 0.1, "model": {"hidden": [64, 64], "name": "mlp"}}
    about: dict[str, Any] = {"config": config, "group": "rates", "tags": ["baseline", "short"]}
    with otel_trackio.init("digits", "small", dir=folder, notes="the first", **about) as run:
        for step in range(100):
            run.log({"train/loss": 1 / (step + 1), "train/lr": 0.1}, step)
            if step % 50 == 0:
                run.log({"eval/accuracy": step / 100}, step)
                run.log({"weights": otel_trackio.Histogram([step, step + 1.0])}, step)
        run.log_system({"gpu/temperature": 71})
        run.log_system({"gpu/temperature": 72})
        run.summary["best"] = 0.5
    with otel_trackio.init("digits", "odd", dir=folder) as run:
        values = [float("nan"), float("inf"), float("-inf"), -0.0, 2**70 + 1, -(2**63)]
        for step, value in enumerate(values):
            run.log({"odd, value": value}, step)
        run.log({"twice": 1}, 3)
        run.log({"twice": 2.5}, 3)
        run.alert("loss is NaN", "since step 0", "error", step=0)
    with suppress(MemoryError), otel_trackio.init("words", "fails", dir=folder) as run:
        run.log({"x": 1})
        run.alert("out of memory soon")
        raise MemoryError("no room")
    for _ in range(2):
        otel_trackio.init("words", "same", dir=folder).finish()
    otel_trackio.init("words", HOSTILE, dir=folder).finish()
    patch.setenv("WORLD_SIZE", "2")
    for rank in range(2):
        patch.setenv("RANK", str(rank))
        with otel_trackio.init("words", "ranks", id="ranks", resume="allow", dir=folder) as run:
            run.log({"x": rank}, 0)


@pytest.fixture
def program(shelf: Path) -> Program:
    """The program on the shelf."""
    return Program(shelf)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """The program on a folder of the test's own, and runs that say nothing."""
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")
    return Program(tmp_path)


@pytest.fixture
def remote(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "remote")


@pytest.fixture
def url(remote: Watched, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of the remote that the settings name."""
    monkeypatch.setenv("OTEL_TRACKIO_REMOTE", remote.url)
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")
    return remote.url

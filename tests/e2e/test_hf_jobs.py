"""`deploy/hf-jobs`: the script trains as a job would, and what its README says is so."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi
from uv import find_uv_bin

from otel_trackio import Api
from otel_trackio.settings import SETTINGS
from otel_trackio.storedrun import StoredRun
from tests.fakes.hub import Hub

ROOT = Path(__file__).parents[2]
JOBS = ROOT / "deploy" / "hf-jobs"
README = (JOBS / "README.md").read_text()
COMMANDS = re.findall(r"^\$ (.*)", README, re.MULTILINE)
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
TOOLS = {
    "hf": [str(Path(sys.executable).with_name("hf"))],
    "uv": [find_uv_bin()],
    "otel-trackio": [sys.executable, "-m", "otel_trackio"],
}
UNREACHABLE = re.compile("error sending request|failed to lookup|network|connect", re.IGNORECASE)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


@pytest.fixture
def env(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A job's: nothing of this checkout can be imported by accident."""
    for name in ("PYTHONPATH", "VIRTUAL_ENV"):
        monkeypatch.delenv(name, raising=False)
    return {**os.environ, **hub.env(), "OTEL_TRACKIO_DEADLINE": "30m"}


def run(*command: str, env: dict[str, str], cwd: Path) -> str:
    """What it prints, if it ends well."""
    made = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return made.stdout + made.stderr


def pulled(env: dict[str, str], dir: Path) -> StoredRun:
    """The one run on the Hub, by the commands of the README that look at it."""
    dir.mkdir()
    here = {**env, "OTEL_TRACKIO_DIR": str(dir), "PYTHONPATH": str(ROOT)}
    for line in COMMANDS:
        if line.startswith("otel-trackio "):
            words = shlex.split(line.replace("USER", "alice"))[1:]
            told = run(*TOOLS["otel-trackio"], *words, env=here, cwd=dir)
    assert "spirals" in told
    (found,) = Api(dir).runs("spirals")
    return found


@pytest.mark.allow_skip
@pytest.mark.timeout(600)
def test_the_script_is_all_that_a_job_needs(env: dict[str, str], tmp_path: Path) -> None:
    """`uv` installs what its header names, a wheel of ours among it, and its run is on the Hub."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir"]
    run(*build, str(tmp_path / "wheels"), str(ROOT), env=env, cwd=tmp_path)
    job = {**env, "OTEL_TRACKIO_DIR": str(tmp_path / "job")}
    job |= {"UV_FIND_LINKS": str(tmp_path / "wheels"), "UV_PYTHON_DOWNLOADS": "never"}
    # Its cache may hold a wheel of the same version, made of another state of the code.
    fresh = ["--refresh-package=otel-trackio", "--reinstall-package=otel-trackio"]
    command = [*TOOLS["uv"], "run", *fresh, "--python", sys.executable, "--script"]
    command += [str(JOBS / "train.py"), "--steps", "300"]
    made = subprocess.run(command, env=job, cwd=tmp_path, capture_output=True, text=True)
    if made.returncode != 0 and UNREACHABLE.search(made.stderr):
        pytest.skip("uv reaches no package index here")
    assert made.returncode == 0, made.stderr
    with pulled(env, tmp_path / "home") as found:
        assert found.history("train/loss")["step"].tolist() == list(range(300))
        assert found.config == {"steps": 300, "lr": 5.0, "hidden": 32, "seed": 0}
        assert found.summary["accuracy"] > 0.9
        assert found.state == "finished"


def test_a_second_try_goes_on_with_the_run(env: dict[str, str], tmp_path: Path) -> None:
    """On another machine, as the README says: one run of two attempts."""
    line = next(line for line in COMMANDS if "--attempts" in line)
    env |= dict(word.split("=", 1) for word in shlex.split(line) if "=" in word)
    env["PYTHONPATH"] = str(ROOT)
    for machine in ("one", "another"):
        here = {**env, "OTEL_TRACKIO_DIR": str(tmp_path / machine)}
        command = [sys.executable, str(JOBS / "train.py"), "--steps", "100"]
        run(*command, env=here, cwd=tmp_path)
    with pulled(env, tmp_path / "home") as found:
        assert found.id == "spirals-1"
        assert found.history("train/loss")["step"].tolist() == list(range(100))
        assert len(found.history("train/loss", all=True)["step"]) == 200


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("hf jobs ")])
def test_jobs_of_the_readme_can_be_submitted(line: str) -> None:
    """`hf` understands each command, tells the same deadline as timeout, and shows no token."""
    env = {**os.environ, "HF_TOKEN": "hf_canary", "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}
    words = shlex.split(line)
    told = run(*TOOLS["hf"], *words[1:4], "--dry-run", *words[4:], env=env, cwd=JOBS)
    timeout, deadline = re.search(r"timeout +(\w+)", told), re.search(r"DEADLINE=(\w+)", told)
    assert timeout
    assert deadline
    assert timeout[1] == deadline[1]
    assert re.search(r"secrets +HF_TOKEN=\*", told)
    assert "canary" not in told


@pytest.mark.parametrize("line", [line for line in COMMANDS if not line.startswith("hf jobs ")])
def test_other_commands_of_the_readme_exist(line: str) -> None:
    """With their options."""
    tool, command, *rest = shlex.split(line)
    told = run(*TOOLS[tool], command, "--help", env={**os.environ, "NO_COLOR": "1"}, cwd=ROOT)
    for option in rest:
        if option.startswith("--"):
            assert re.search(rf"{option}\b", told), option


def test_other_ways_to_submit_ask_for_the_same() -> None:
    """The Python API takes what it is given, and an assistant's tool is given the same."""
    accepted = inspect.signature(HfApi.run_uv_job).parameters
    given = [arguments(program) for program in PYTHON[:2]]
    for each in given:
        assert set(each) <= set(accepted)
        assert each["timeout"] == each["env"]["OTEL_TRACKIO_DEADLINE"]
        assert list(each["secrets"]) == ["HF_TOKEN"]
    assert given[0]["env"] == given[1]["env"]


def arguments(program: str) -> dict[str, Any]:
    """What the program's last call is given by name, or in a dict; what is not constant is None."""

    def plain(node: ast.expr) -> Any:
        if isinstance(node, ast.Dict):
            keys = [plain(key) for key in node.keys if key is not None]
            return dict(zip(keys, map(plain, node.values), strict=True))
        return node.value if isinstance(node, ast.Constant) else None

    last = ast.parse(program).body[-1]
    assert isinstance(last, ast.Expr)
    assert isinstance(last.value, ast.Call)
    named = {word.arg: plain(word.value) for word in last.value.keywords if word.arg}
    return named or dict(plain(last.value.args[-1]))


def test_variables_of_the_readme_are_settings() -> None:
    """Each is one, and so is each that the script's header sets."""
    known = {variable for setting in SETTINGS for variable in setting.env}
    script = (JOBS / "train.py").read_text()
    assert set(re.findall(r"OTEL_TRACKIO_\w+", README + script)) <= known

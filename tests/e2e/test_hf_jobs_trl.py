"""`deploy/hf-jobs/sft.py`: a script for Trackio, as a job runs it, and what is said of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_trackio import Api
from otel_trackio.settings import SETTINGS
from tests.fakes.hub import Hub

pytestmark = [pytest.mark.xdist_group("trainer"), pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
JOBS = ROOT / "deploy" / "hf-jobs"
SCRIPT = (JOBS / "sft.py").read_text()
README = (JOBS / "README.md").read_text()

MODEL = """
import sys
from tests.trainer import tiny
tiny.model().save_pretrained(sys.argv[1])
tiny.tokenizer().save_pretrained(sys.argv[1])
"""

ELSEWHERE = {"TRACKIO_SPACE_ID", "TRACKIO_WEBHOOK_URL", "TRACKIO_WEBHOOK_MIN_LEVEL"}
"""Variables that the drop-in reads, and nothing else."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


@pytest.fixture
def env(hub: Hub) -> dict[str, str]:
    """A job's, that fetches neither model nor dataset; TRL asks the Hub who trains unless in CI."""
    return {**os.environ, **hub.env(), "PYTHONPATH": str(ROOT), "CI": "true"}


def run(command: list[str], env: dict[str, str], cwd: Path) -> str:
    made = subprocess.run(
        [sys.executable, *command], env=env, cwd=cwd, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return made.stdout + made.stderr


def test_the_script_trains_and_its_run_is_on_the_hub(env: dict[str, str], tmp_path: Path) -> None:
    """In the Dataset of the Space that it names, whoever's token it is."""
    run(["-c", MODEL, str(tmp_path / "model")], env, tmp_path)
    (tmp_path / "data").mkdir()
    messages = [{"role": "user", "content": "the cat"}, {"role": "assistant", "content": "sat"}]
    rows = [json.dumps({"messages": messages})] * 16
    (tmp_path / "data" / "train.jsonl").write_text("\n".join(rows))
    job = {**env, "OTEL_TRACKIO_DIR": str(tmp_path / "job"), "OTEL_TRACKIO_SILENT": "0"}
    given = ["--model", str(tmp_path / "model"), "--dataset", str(tmp_path / "data")]
    given += ["--steps", "10", "--lr", "0.001", "--group", "rates"]
    told = run([str(JOBS / "sft.py"), *given], job, tmp_path)
    assert "space trackio is to show this run, from hf://datasets/trackio-data" in told
    assert "all of it synced" in told
    here = {**env, "OTEL_TRACKIO_DIR": str(tmp_path / "home")}
    run(["-m", "otel_trackio", "pull", "hf://datasets/alice/trackio-data"], here, tmp_path)
    (found,) = Api(tmp_path / "home").runs("capybara")
    assert re.fullmatch(r"sft-\d{8}-\d{6}", found.name)
    assert found.facts().group == "rates"
    assert found.state == "finished"
    assert found.history("train/loss")["step"].tolist() == [5, 10]
    config = found.config
    assert config["dataset"] == str(tmp_path / "data")
    assert config["learning_rate"] == 0.001
    assert config["args"]["adam_beta1"] == 0.9


def test_the_header_is_all_that_a_job_needs() -> None:
    """PEP 723: what is installed, and as long a deadline as the job has."""
    header = re.search(r"(?m)^# /// script$\s((?:^#(?:| .*)$\s)+)^# ///$", SCRIPT)
    assert header
    lines = [line[2:] if line.startswith("# ") else line[1:] for line in header[1].splitlines()]
    about = tomllib.loads("\n".join(lines))
    assert "otel-trackio" in about["dependencies"]
    assert "trackio" not in about["dependencies"]
    job = about["tool"]["hf-jobs"]
    assert job["timeout"] == job["env"]["OTEL_TRACKIO_DEADLINE"]
    assert job["secrets"] == ["HF_TOKEN"]


def test_the_readme_shows_what_the_script_does() -> None:
    """Its call of `init` is the script's, and each of its five steps is in there."""
    (call,) = re.findall(r"   ```python\n(   trackio\.init.*?)   ```", README, re.DOTALL)
    shown = [line.strip() for line in call.splitlines()]
    lines = [line.strip() for line in SCRIPT.splitlines()]
    assert shown == lines[lines.index("trackio.init(") :][: len(shown)]
    for step in (
        "import otel_trackio.trackio as trackio",
        'report_to="trackio"',
        "trainer.train()",
        "trackio.finish()",
    ):
        assert step in README
        assert step in SCRIPT


def test_variables_of_trackio_in_the_readme_are_read() -> None:
    """Each is a setting, or one of the drop-in's own."""
    known = {variable for setting in SETTINGS for variable in setting.env} | ELSEWHERE
    assert set(re.findall(r"\bTRACKIO_\w+", README)) <= known
    assert set(re.findall(r"OTEL_TRACKIO_\w+", SCRIPT)) <= known

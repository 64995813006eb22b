"""With the real Trackio installed beside it, nothing of that is disturbed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from tests.trackio.conftest import REAL, ROOT, python

pytestmark = [pytest.mark.allow_skip, pytest.mark.timeout(300)]

THEIRS = """
import trackio
assert trackio.__file__.startswith(__import__("sys").argv[1])
trackio.init(project="theirs", auto_log_cpu=False, auto_log_gpu=False)
trackio.log({"loss": 0.5})
trackio.finish()
assert [len(list(trackio.Api().runs("theirs")))] == [1]
"""

OURS = """
import otel_trackio.trackio as trackio
import trackio as found
assert found is trackio and "otel_trackio" in trackio.__file__
trackio.init(project="ours", auto_log_cpu=False)
trackio.log({"loss": 0.5})
trackio.finish()
assert [each.project for each in trackio.Api().runs("ours")] == ["ours"]
"""

BOTH = """
import sys
import trackio
import otel_trackio
import otel_trackio.trackio as ours
import trackio as again
assert again is trackio and trackio.__file__.startswith(sys.argv[1])
assert trackio.context_vars.__name__ == "trackio.context_vars"
for each in (trackio, ours):
    each.init(project="both", auto_log_cpu=False, auto_log_gpu=False)
    each.log({"loss": 0.5})
    each.finish()
assert len(trackio.Api().runs("both")) == len(ours.Api().runs("both")) == 1
"""


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file of a folder but what Python compiles."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }


def test_the_real_one_works_as_before(real_trackio: Path, tmp_path: Path) -> None:
    """Alone, after the drop-in was used, and beside it in one process; its files stay."""
    before = fingerprint(real_trackio)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    env |= {"TRACKIO_DIR": str(tmp_path / "theirs"), "OTEL_TRACKIO_DIR": str(tmp_path / "ours")}
    for program in (OURS, THEIRS):
        python(program, env, str(real_trackio), executable=REAL)
    told = python(BOTH, env, str(real_trackio), executable=REAL).stderr
    assert "trackio is imported already and stays what it is here" in told
    assert fingerprint(real_trackio) == before
    assert {each.stem for each in (tmp_path / "theirs").glob("*.db")} == {"theirs", "both"}

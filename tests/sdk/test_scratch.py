"""Which folder of this machine stands in for a DIR that machines share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import otel_trackio
from otel_trackio import Api
from otel_trackio.scratch import Scratch, scratch_of
from otel_trackio.settings import resolve


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"SLURM_TMPDIR": "job", "TMPDIR": "tmp"}, "job"),
        ({"TMPDIR": "tmp"}, "tmp"),
        ({"SLURM_TMPDIR": "taken", "TMPDIR": "tmp"}, "tmp"),
        ({"SLURM_TMPDIR": "linked", "TMPDIR": "tmp"}, "tmp"),
        ({"SLURM_TMPDIR": "open", "TMPDIR": "tmp"}, "tmp"),
        ({"SLURM_TMPDIR": "file", "TMPDIR": "tmp"}, "tmp"),
    ],
)
def test_the_first_folder_that_serves_is_the_scratch(
    tmp_path: Path, environ: dict[str, str], folder: str
) -> None:
    """One of the job, else of this machine; none where others could have put anything."""
    own = f"otel-trackio-{os.getuid()}"
    for name in ("job", "tmp", "taken", "linked", "open"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "taken" / own).touch()
    (tmp_path / "linked" / own).symlink_to(tmp_path / "job")
    (tmp_path / "open" / own).mkdir()
    (tmp_path / "open" / own).chmod(0o777)
    (tmp_path / "dir" / "data" / "v1").mkdir(parents=True)
    found = scratch_of(
        tmp_path / "dir", None, {name: str(tmp_path / each) for name, each in environ.items()}
    )
    assert found is not None
    assert found.folder.parent == tmp_path / folder / own


def test_the_scratch_is_for_its_owner_alone(tmp_path: Path) -> None:
    """A /tmp that others share shows them nothing, and one of theirs in its place is refused."""
    scratch = scratch_of(tmp_path / "dir", tmp_path)
    assert scratch is not None
    scratch.make()
    assert [each.stat().st_mode & 0o777 for each in (scratch.folder, scratch.folder.parent)] == [
        *(0o700, 0o700),
    ]
    scratch.folder.parent.chmod(0o777)
    with pytest.raises(otel_trackio.StoreError, match="belongs to somebody else"):
        scratch.make()


def test_a_dir_that_may_not_be_read_has_none(tmp_path: Path) -> None:
    """It serves as it is, and so does the next folder in place of a scratch that is hidden."""
    (tmp_path / "hidden").mkdir(mode=0)
    code = (
        "import os, sys, tempfile; from pathlib import Path;"
        "from otel_trackio.scratch import scratch_of;"
        "os.getuid() or os.setuid(65534);"
        "hidden, common = Path(sys.argv[1]), Path(tempfile.gettempdir());"
        "assert scratch_of(hidden / 'dir', None) is None;"
        "assert scratch_of(hidden / 'dir', hidden / 'scratch', {}).is_in(common)"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, str(tmp_path / "hidden")]
    subprocess.run(command, env=environ, timeout=60, check=True)


def test_each_dir_has_a_scratch_of_its_own(tmp_path: Path) -> None:
    """By its real path: a link to it is the same folder."""
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")

    def of(name: str) -> Scratch | None:
        return scratch_of(tmp_path / name, tmp_path)

    assert of("link") == of("a") != of("b")


def test_local_folders_need_none(tmp_path: Path) -> None:
    """DIR on a local disk is where runs lie, unless a scratch is asked for."""
    assert scratch_of(tmp_path, None) is None
    assert resolve({"dir": tmp_path}, {}).scratch is None
    assert Api(tmp_path).store == tmp_path

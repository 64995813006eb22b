"""A lease has one holder at a time, whoever removes its file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HOLDER = """
import os, sys
from pathlib import Path
from otel_trackio.lease import Lease
lock, mark = Path(sys.argv[1]), sys.argv[2]
for _ in range(2000):
    if lease := Lease.take(lock):
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))  # Raises while another holds it.
        os.unlink(mark)
        lease.remove()
        lease.release()
"""


def test_a_lease_whose_file_is_removed_has_one_holder(tmp_path: Path) -> None:
    """Who has opened the file just before its holder removed it takes the next one."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "lock"), str(tmp_path / "mark")]
    holders = [subprocess.Popen(command, env=environ) for _ in range(4)]
    assert [each.wait(60) for each in holders] == [0] * 4

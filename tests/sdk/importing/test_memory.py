"""How much memory an import takes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from otel_trackio import Api
from tests.sdk.importing.elsewhere import write_csv

SCRIPT = """
import sys
from pathlib import Path
from otel_trackio.importing.calls import import_csv
import_csv(sys.argv[1], "project")
lines = Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""

LIMIT = 200_000
"""Kilobytes; a process that has loaded the library takes a third of that."""


def test_memory_does_not_grow_with_the_source(
    tmp_path: Path, size: Callable[[int, int], int]
) -> None:
    """Whatever it holds, a batch is in memory; ten million points in full."""
    count = size(100_000, 2_000_000)
    rows = ((step, step / 3, step / 7, step * 2, step % 10, 0.5) for step in range(count))
    sheet = write_csv(tmp_path / "sheet.csv", [("step", "a", "b", "c", "d", "e")])
    write_csv(sheet, rows, "a")
    command = [sys.executable, "-c", SCRIPT, str(sheet)]
    told = subprocess.run(command, env=os.environ, check=True, capture_output=True, text=True)
    assert int(told.stdout) < LIMIT
    (run,) = Api().runs()
    assert run.standing().points == 5 * count
    assert run.history("c")["value"].tolist() == [step * 2 for step in range(count)]

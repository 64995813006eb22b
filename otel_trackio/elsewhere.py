"""What other machines know of runs, where they share a directory with this one."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Elsewhere(Protocol):
    """Safe from any thread. Nothing is raised: what does not work out is logged."""

    def fetch(self, run: str) -> None:
        """Brings what is new of the run in the folder of that name."""
        ...

    def publish(self, run_dir: Path) -> bool:
        """Tells them what is new in a run's folder. False where something did not get there."""
        ...

    def older(self, run_dir: Path) -> Path:
        """Another folder that may hold files of the run, and gets no new ones."""
        ...

    def heartbeat(self, run_file: Path) -> int:
        """When its writer gave a sign of life there, in ns; 0 where it gave none."""
        ...

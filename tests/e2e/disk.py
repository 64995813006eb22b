"""A small disk of its own, which a test can fill, free, and make read-only."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from tests.e2e.puppet import Puppet

PAGE = 4096


class Disk:
    """A tmpfs in a mount namespace that only this test's processes are in.

    `path` is where those see it; `root` is where the test itself does.
    """

    def __init__(self, path: Path, size: int) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        script = f"mount -t tmpfs -o size={size} small '{path}' && echo mounted && read line"
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "mounted\n"
        self.root = Path(f"/proc/{self._holder.pid}/root{path}")

    def _inside(self, *command: str) -> list[str]:
        return [
            "nsenter",
            f"--mount=/proc/{self._holder.pid}/ns/mnt",
            f"--wd={os.getcwd()}",
            *command,
        ]

    def puppet(self, **env: str) -> Puppet:
        """A process that has the disk, and records there unless `env` says otherwise."""
        env = {"OTEL_TRACKIO_DIR": str(self.path), "OTEL_TRACKIO_INTERVAL": "0.02", **env}
        return Puppet(env=env, prefix=self._inside())

    def fill(self, leave: int = 0) -> None:
        """Takes all room but `leave` bytes, rounded to pages."""
        self.free()
        room = self.room() - leave
        with (self.root / "ballast").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(PAGE, room // PAGE * PAGE))

    def free(self) -> None:
        """Gives back what `fill` took."""
        (self.root / "ballast").unlink(missing_ok=True)

    def room(self) -> int:
        """Bytes that can still be written."""
        state = os.statvfs(self.root)
        return state.f_bavail * state.f_frsize

    def read_only(self) -> None:
        """From now on nothing can be written. Nobody may have it open for writing."""
        self._run("mount", "-o", "remount,ro", str(self.path))

    def show_read_only(self, path: Path) -> None:
        """Shows the disk at another place too, where nobody can write."""
        path.mkdir()
        self._run("mount", "--bind", str(self.path), str(path))
        self._run("mount", "-o", "remount,bind,ro", str(path))

    def _run(self, *command: str) -> None:
        subprocess.run(self._inside(*command), check=True)

    def close(self) -> None:
        """Ends the holder; the disk is gone when the last process in its namespace is."""
        self._holder.communicate("\n")

    def __enter__(self) -> Disk:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

"""A file system as clusters have them: mounted by FUSE, without locks and shared mappings."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.e2e.puppet import Puppet
from tests.e2e.worker import Worker


class Cluster(Worker):
    """Mounted at `path`, in a mount namespace that only this test's processes are in.

    `root` is where the test itself sees it.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True)
        super().__init__("cluster", path, prefix=["unshare", "--mount"], piped=True)
        self.hears("mounted")
        self.path = path
        self.root = Path(f"/proc/{self.process.pid}/root{path}")

    def puppet(self, **env: str) -> Puppet:
        """A process that has the file system as its DIR, and a scratch where TMPDIR says."""
        space = f"--mount=/proc/{self.process.pid}/ns/mnt"
        env = {"OTEL_TRACKIO_DIR": str(self.path), "OTEL_TRACKIO_INTERVAL": "0.02", **env}
        return Puppet(env=env, prefix=["nsenter", space, f"--wd={os.getcwd()}"])

    def hang(self) -> None:
        """From now on whoever touches it waits."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

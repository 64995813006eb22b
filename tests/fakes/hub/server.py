"""The stand-in as a test starts it: a process of its own, on a free port of this machine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

from tests.fakes.hub.faults import Fault
from tests.fakes.hub.gate import Exchange

ROOT: Final = Path(__file__).parents[3]
PATIENCE: Final = 60.0
"""Seconds after which the process counts as hung."""


class Hub:
    """A running Hub, ready for requests once it is entered.

    `mode` says how binary files are to be uploaded: "regular" (inline), "lfs" or "xet". What it
    knows survives `restart`; after the end it is kept only in a `root` of the caller's own.
    """

    def __init__(self, mode: str = "xet", root: Path | None = None, page: int = 1000) -> None:
        self.mode = mode
        self.root = root or Path(tempfile.mkdtemp(prefix="hub-"))
        self.endpoint = ""
        self._kept = root is not None
        self._page = page
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Hub:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        if not self._kept:
            shutil.rmtree(self.root)

    def start(self) -> None:
        """Returns when it listens; on the port that it had, if it ran before."""
        port = self.endpoint.rpartition(":")[2] or "0"
        command = [sys.executable, "-m", "tests.fakes.hub", "--mode", self.mode, "--port", port]
        command += ["--root", str(self.root), "--page", str(self._page)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=pipe, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"the Hub didn't start: exit status {self._process.wait(PATIENCE)}")
        self.endpoint = line.removeprefix("HF_ENDPOINT=")

    def stop(self) -> None:
        """Ends it in peace: what it has begun to answer is answered, for a second."""
        self._end(subprocess.Popen.terminate)

    def kill(self) -> None:
        """Ends it at once, in the middle of whatever it does."""
        self._end(subprocess.Popen.kill)

    def restart(self) -> None:
        """Ends it at once, and starts it where it was."""
        self.kill()
        self.start()

    def _end(self, how: Any) -> None:
        if self._process is not None:
            how(self._process)
            self._process.wait(PATIENCE)
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None

    def token(self, user: str = "alice", scope: str = "write", orgs: Sequence[str] = ()) -> str:
        """A token of a user, who from now on exists; `scope` is "write" or "read"."""
        account = {"user": user, "scope": scope, "orgs": list(orgs)}
        return str(self._ask("POST", "/_account", account)["token"])

    def env(self, user: str = "alice", scope: str = "write") -> dict[str, str]:
        """What another process needs to use this Hub and nothing of the machine's user."""
        home = {"HF_HOME": str(self.root / "home"), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        xet = {"HF_HUB_DISABLE_XET": "0" if self.mode == "xet" else "1"}
        return {"HF_ENDPOINT": self.endpoint, "HF_TOKEN": self.token(user, scope), **home, **xet}

    def fault(self, match: str, action: str = "status", **details: Any) -> None:
        """Something to go wrong: `details` are those of `tests.fakes.hub.faults.Fault`."""
        Fault(match, action, **details)  # Raises here what else only the other process would see.
        self._ask("POST", "/_fault", {"match": match, "action": action, **details})

    def end_faults(self) -> None:
        self._ask("DELETE", "/_faults")

    def requests(self, match: str = "") -> list[Exchange]:
        """What was asked since the start, or `forget`, in that order."""
        made = [Exchange(**each) for each in self._ask("GET", "/_requests")]
        return [each for each in made if re.search(match, f"{each.method} {each.path}")]

    def forget(self) -> None:
        """Empties the log of requests."""
        self._ask("DELETE", "/_requests")

    def reset(self) -> None:
        """Only accounts stay."""
        self._ask("POST", "/_reset")

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        request = Request(self.endpoint + path, content, method=method)
        with urlopen(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read())

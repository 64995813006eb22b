"""A process that records what its test tells it to, one call after the other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.e2e.worker import Worker


class Puppet(Worker):
    """Each method runs in the other process and returns when it has returned there."""

    def __init__(self, env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()) -> None:
        super().__init__("puppet", env=env, prefix=prefix, piped=True)

    def do(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Runs a function of `tests.e2e.workers.puppet` there. Raises Failed if it raises."""
        self.begin(name, *arguments, **options)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"it ended with status {self.wait()}"
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise Failed(answer["failed"])
        return answer["result"]

    def begin(self, name: str, *arguments: Any, **options: Any) -> None:
        """As `do`, but does not wait for the end of it."""
        request = {"do": name, "arguments": arguments, "options": options}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def init(self, project: str | None = None, **options: Any) -> str:
        """Starts a run; returns its id."""
        return str(self.do("init", project, **options))

    def log(self, first: int, last: int) -> None:
        """Logs `{"loss": step / 7, "count": step}` at the steps from `first` up to `last`."""
        self.do("log", first, last)

    def finish(self, exit_code: int = 0, timeout: float = 60) -> None:
        self.do("finish", exit_code, timeout)

    def counts(self) -> dict[str, int]:
        """What the run counted as lost or failed."""
        return dict(self.do("counts"))


class Failed(Exception):
    """What was asked for raised an exception there; this is its text."""

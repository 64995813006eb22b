"""What is active in this process, for all of its threads: `trackio.context_vars`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from otel_trackio.trackio.live import Run, current

T = TypeVar("T")


class Current(Generic[T]):
    """Read like a ContextVar; it changes by `init` and `finish` alone."""

    def __init__(self, name: str, read: Callable[[Run], T | None]) -> None:
        self.name = name
        self._read = read

    def get(self, default: Any = None) -> Any:
        """The value of the run that is active and not finished, if there is one."""
        run = current()
        value = None if run is None or not run.is_open else self._read(run)
        return default if value is None else value


current_run = Current("current_run", lambda run: run)
current_project = Current("current_project", lambda run: run.project)
current_space_id = Current("current_space_id", lambda run: run._space_id)
current_server = Current[str]("current_server", lambda run: None)
current_server_write_token = Current[str]("current_server_write_token", lambda run: None)

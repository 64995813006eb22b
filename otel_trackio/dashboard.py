"""`otel_trackio.show()`: the dashboard, which is a package of its own and loaded when asked for."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.metadata import entry_points
from typing import Final, Protocol

from otel_trackio.errors import MissingExtra

GROUP: Final = "otel_trackio.commands"
"""Where the dashboard is named; the command line finds `otel-trackio show` there, too."""


class Dashboard(Protocol):
    """A dashboard that is served: at `url`, until `close`, or the end of the process."""

    url: str

    def close(self) -> None:
        """Stops serving; a few seconds at most."""


def show(
    project: str | None = None,
    *,
    dir: str | os.PathLike[str] | None = None,
    remote: str | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = True,
) -> Dashboard:
    """Serves the dashboard on a thread of this process, and returns at once.

    In a notebook it appears below the cell, else in a browser, unless that is not wanted. It shows
    the runs in `dir`, or else where they are recorded, or follows a `remote`. Without a port it
    takes 7860 or the next that is free. Raises MissingExtra with the line that installs it.
    """
    found = next(iter(entry_points(group=GROUP, name="show")), None)
    if found is None:
        raise MissingExtra("the dashboard", "otel-trackio[space]")
    try:
        module = import_module(found.module)
    except ImportError as error:
        raise MissingExtra("the dashboard", "otel-trackio[space]") from error
    dashboard: Dashboard = module.start(
        project, dir=dir, remote=remote, host=host, port=port, browser=browser
    )
    return dashboard

"""`otel-trackio show`, and `otel_trackio.show()`: the dashboard in a browser, or in a notebook."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import click

from otel_trackio import layout
from otel_trackio.errors import ConfigError
from otel_trackio.remotes import remote_of
from otel_trackio.settings import resolve
from otel_trackio_space.access import access_on
from otel_trackio_space.app import build
from otel_trackio_space.follow import Follow
from otel_trackio_space.notebook import embed, in_notebook
from otel_trackio_space.server import PORT, Server
from otel_trackio_space.shelf import Shelf

EVERYWHERE: Final = ("0.0.0.0", "::")
"""Hosts that stand for every address of the machine."""

Told = tuple[str, str | None, str, int | None]


class Dashboard:
    """A dashboard that is served: at `url`, until `close`, or the end of the process."""

    def __init__(
        self,
        project: str | None = None,
        *,
        dir: str | os.PathLike[str] | None = None,
        remote: str | None = None,
        host: str = "127.0.0.1",
        port: int | None = None,
        read_only: bool = False,
    ) -> None:
        """Raises ConfigError, StoreError or RemoteError for what cannot be shown or listened to."""
        self.project = project
        access = access_on(host, os.environ, read_only)
        follow = None if remote is None else Follow(remote_of(remote))
        shelf = Shelf(_folder(dir) if follow is None else follow.dir)
        _refuse_file(shelf.api.dir)
        self._shelf = shelf
        self._access = access
        self.server = Server(build(shelf, access, follow), host, port)
        shown = "127.0.0.1" if host in EVERYWHERE else f"[{host}]" if ":" in host else host
        self._base = f"http://{shown}:{self.server.port}/"

    @property
    def query(self) -> str:
        """With the token, and the project that was asked for last."""
        named = {"token": self._access.token, "project": self.project or ""}
        return urlencode({name: value for name, value in named.items() if value})

    @property
    def url(self) -> str:
        return f"{self._base}{self.query and f'?{self.query}'}"

    def close(self) -> None:
        """Stops serving; a few seconds at most."""
        self.server.close()
        self._shelf.close()

    def __repr__(self) -> str:
        return f"<Dashboard {self._base}>"  # Without the token: notebooks keep it.


_served: dict[Told, Dashboard] = {}
"""What this process serves, so that a cell of a notebook that is run again serves no second one."""


def _forget_in_child() -> None:
    for each in _served.values():
        each.server.leave()
    _served.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


def start(
    project: str | None = None,
    *,
    dir: str | os.PathLike[str] | None = None,
    remote: str | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = True,
) -> Dashboard:
    """Serves on a thread and returns at once; shown in the notebook, or else in a browser.

    What this process serves already is shown again. See `Dashboard`.
    """
    told = (str(_folder(dir) or resolve({}, os.environ).dir), remote, host, port)
    dashboard = _served.get(told)
    if dashboard is None or not dashboard.server.serving:
        dashboard = _served[told] = Dashboard(dir=dir, remote=remote, host=host, port=port)
        dashboard.server.start()
    dashboard.project = project
    if in_notebook():
        embed(dashboard.url, dashboard.server.port, dashboard.query)
    elif browser:
        open_browser(dashboard.url)
    return dashboard


@click.command("show")
@click.argument("project", required=False)
@click.option(
    "--host", default="127.0.0.1", metavar="HOST", help="Where to listen; else 127.0.0.1."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help=f"Where to listen; else {PORT}, or the next port that is free.",
)
@click.option("--dir", metavar="DIR", help="The folder that holds runs/; else OTEL_TRACKIO_DIR.")
@click.option("--remote", metavar="REMOTE", help="Follow a remote, instead of a folder.")
@click.option("--read-only", is_flag=True, help="Refuse to change runs or rules.")
@click.option("--no-browser", is_flag=True, help="Print the address, and open no browser.")
@click.pass_context
def show(context: click.Context, /, dir: str | None, no_browser: bool, **given: Any) -> None:
    """Show the dashboard in a browser, until Ctrl-C.

    Beyond this machine it asks for the token that stands in the printed address.
    """
    # `--dir` may stand before the command's name, too.
    dashboard = Dashboard(dir=dir or getattr(context.obj, "dir", None), **given)
    click.echo(dashboard.url)
    if not no_browser:
        open_browser(dashboard.url)
    try:
        dashboard.server.serve_here()
    except KeyboardInterrupt:
        pass  # It has stopped as it should, and says so once more.
    finally:
        dashboard.close()


def open_browser(url: str) -> None:
    """Opens a browser that has a window; none in a terminal, which would take it over."""
    windows = ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME")
    if sys.platform in ("darwin", "win32") or any(map(os.environ.get, windows)):
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def _folder(dir: str | os.PathLike[str] | None) -> Path | None:
    """Where runs are, or will be. Raises ConfigError where that was meant of the folder above."""
    if dir is None:
        return None
    folder = Path(dir).expanduser().absolute()
    inside = folder.name == "runs" and not layout.runs_dir(folder).exists()
    if inside and any(map(layout.run_files, layout.run_dirs(folder.parent))):
        raise ConfigError(f"no runs/ in {folder}", f"did you mean {folder.parent}?")
    return folder


def _refuse_file(dir: Path) -> None:
    if dir.exists() and not dir.is_dir():
        raise ConfigError(f"{dir} is no folder", "give the one that holds runs/")

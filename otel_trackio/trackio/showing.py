"""`trackio.show`: the dashboard."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import Any, NamedTuple

from otel_trackio import dashboard as dashboards
from otel_trackio.dashboard import Dashboard
from otel_trackio.diagnostics import logger
from otel_trackio.trackio.unsupported import FILES, refuse


class Shown(NamedTuple):
    """What `show` returns; the dashboard is never shared by a tunnel."""

    app: Dashboard
    url: str
    share_url: None
    full_url: str

    def __repr__(self) -> str:
        return f"Shown({self.app!r})"  # Without the token that a URL may hold.


def show(
    project: str | None = None,
    *,
    dashboard: str | None = None,
    theme: Any = None,
    mcp_server: bool | None = None,
    footer: bool = True,
    color_palette: list[str] | None = None,
    open_browser: bool = True,
    block_thread: bool | None = None,
    host: str | None = None,
    share: bool | None = None,
    server_port: int | None = None,
    frontend_dir: str | os.PathLike[str] | None = None,
) -> Shown:
    """Serves the dashboard; see `otel_trackio.show`.

    Outside of a notebook it waits for Ctrl-C, unless `block_thread` is False. `theme`,
    `mcp_server`, `footer`, `color_palette`, `share` and `frontend_dir` change nothing.
    """
    if dashboard is not None:
        refuse(f"show(dashboard={dashboard!r})", FILES)
    if share:
        logger.warning("show(share=True) shares nothing: the dashboard is served here alone")
    if server_port is None and (port := os.environ.get("GRADIO_SERVER_PORT", "")).isdecimal():
        server_port = int(port)
    served = dashboards.show(
        project,
        host=host or os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1",
        port=server_port,
        browser=open_browser,
    )
    if block_thread or (block_thread is None and not _in_notebook()):
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
        served.close()
    return Shown(served, served.url, None, served.url)


def _in_notebook() -> bool:
    python = sys.modules.get("IPython")
    shell = python.get_ipython() if python is not None else None
    return shell is not None and hasattr(shell, "kernel")

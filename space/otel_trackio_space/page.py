"""The page at `/` and the files that it loads: all from here, and nothing from anywhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

UI: Final = Path(__file__).parent / "ui"

TITLE: Final = "otel-trackio"

UNMEASURED: Final[Mapping[str, Any]] = {
    "telemetry": {"tracing": False, "metrics": False, "logs": False}
}
"""For FastAPI, later versions of which measure every request by the process's OpenTelemetry: where
somebody trains in the same process these would be metrics of his run."""


class Files(StaticFiles):
    """The files under `ui/`. A browser keeps them, and asks each time whether they are the same."""

    def __init__(self) -> None:
        super().__init__(directory=UI)

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        answer = super().file_response(full_path, stat_result, scope, status_code)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def head() -> str:
    """What the page loads; modules are named so that a browser need not find them one by one.

    Those in folders come when a run needs them.
    """
    modules = sorted(path.name for path in UI.glob("*.js") if path.name != "main.js")
    links = [f'<link rel="modulepreload" href="/ui/{name}">' for name in modules]
    return "\n".join([*links, '<script type="module" src="/ui/main.js"></script>'])


def page() -> str:
    """A document that holds nothing but what loads the dashboard."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{TITLE}</title>
<link rel="icon" href="data:,">
{head()}
</head>
<body></body>
</html>
"""

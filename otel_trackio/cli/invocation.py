"""What every command shares: where the runs are, and whether the answer is JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from otel_trackio import layout
from otel_trackio.api import Api
from otel_trackio.cli.quantity import visible
from otel_trackio.errors import ConfigError, OtelTrackioError

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@dataclass
class Invocation:
    """The options that may stand before the command's name or after it; the last one counts."""

    dir: str | None = None
    json: bool = False

    @cached_property
    def api(self) -> Api:
        """The runs to look at. Raises ConfigError where a folder was named that cannot be meant."""
        if self.dir is not None:
            _check(Path(self.dir).expanduser().absolute())
        return Api(self.dir)

    def close(self) -> None:
        """Lets go of the runs that were read, if any were."""
        if "api" in self.__dict__:
            self.api.close()


def _check(folder: Path) -> None:
    if not folder.is_dir():
        raise ConfigError(f"no directory {folder}", "give the folder that holds runs/")
    inside = folder.name == "runs" and not layout.runs_dir(folder).exists()
    if inside and any(map(layout.run_files, layout.run_dirs(folder.parent))):
        raise ConfigError(f"no runs/ in {folder}", f"did you mean {folder.parent}?")


pass_invocation = click.make_pass_decorator(Invocation, ensure=True)


def shared_options(command: Decorated) -> Decorated:
    """Adds `--json` and `--dir`."""
    json = click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_remember,
        help="Answer with one JSON document.",
    )
    dir = click.option(
        "--dir",
        metavar="DIR",
        expose_value=False,
        is_eager=True,
        callback=_remember,
        help="The folder that holds runs/; else OTEL_TRACKIO_DIR.",
    )
    return json(dir(command))


def _remember(context: click.Context, option: click.Parameter, value: Any) -> None:
    if value and option.name:
        setattr(context.ensure_object(Invocation), option.name, value)


def complete_runs(
    context: click.Context, argument: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """What a shell offers where a run is to be named: `project/name`."""
    try:
        with context.ensure_object(Invocation).api as api:
            facts = [run.facts() for run in api.runs()]
    except (OtelTrackioError, OSError):
        return []  # The shell is no place to complain.
    names = dict.fromkeys(f"{each.project}/{each.name}" for each in facts)
    return [CompletionItem(name) for name in map(visible, names) if name.startswith(incomplete)]

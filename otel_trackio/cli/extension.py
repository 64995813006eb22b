"""Commands that other packages bring, named in their entry points and loaded when asked for.

They find `--dir` and `--json`, where these stand before the command, in `Invocation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final

import click

from otel_trackio.errors import MissingExtra, OtelTrackioError

GROUP: Final = "otel_trackio.commands"

EXTRAS: Final = {
    "show": ("space", "the dashboard", "The dashboard, in a browser"),
    "collector": ("collector", "the collector", "Receive OTLP and forward it"),
}
"""Our own: the extra that each needs, what it is, and its line in the help."""


def extensions() -> Mapping[str, EntryPoint | None]:
    """Commands by name; None where the package that brings one of ours is not there."""
    # Of two packages that bring one, the first on the path counts, as for any import.
    found = reversed(list(entry_points(group=GROUP)))
    return {**dict.fromkeys(EXTRAS), **{each.name: each for each in found}}


def placeholder(name: str) -> click.Command:
    """Stands for an extension in the help, which must not load it."""
    entry = extensions()[name]
    if name in EXTRAS:
        extra, _, line = EXTRAS[name]
        line = f"{line}." if entry else f"{line}: pip install 'otel-trackio[{extra}]'"
    else:
        line = f"From {entry.module.partition('.')[0]}." if entry else ""
    return click.Command(name, short_help=line)


def load(name: str) -> click.Command:
    """The extension itself. Raises MissingExtra with the line that installs it."""
    entry = extensions()[name]
    if entry is None:
        extra, what, _ = EXTRAS[name]
        raise MissingExtra(what, f"otel-trackio[{extra}]")
    try:
        loaded = entry.load()
    except ImportError as error:
        if name in EXTRAS:
            extra, what, _ = EXTRAS[name]
            raise MissingExtra(what, f"otel-trackio[{extra}]") from error
        raise OtelTrackioError(
            f"cannot load {name!r} from {entry.value}: {error}", "install that package again"
        ) from error
    if not isinstance(loaded, click.Command):
        raise OtelTrackioError(f"{entry.value} is no click command", "tell its author")
    return loaded

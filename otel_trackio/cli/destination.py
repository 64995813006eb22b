"""The remote that a command is about: named on its line, or by the settings."""

from __future__ import annotations

import os

from otel_trackio import remotes
from otel_trackio.errors import ConfigError
from otel_trackio.remote import Remote
from otel_trackio.settings import resolve


def destination(name: str | None, option: str, private: bool = True) -> Remote:
    """The remote of that name, or else the one that the settings name.

    `option` is how the command takes a name; `private` says how a place that is new is made.
    Raises ConfigError where no remote is named.
    """
    name = name or remotes.named(resolve({}, os.environ))
    if not name:
        raise ConfigError("no remote is named", f"give {option}, or set OTEL_TRACKIO_REMOTE")
    return remotes.remote_of(name, private)

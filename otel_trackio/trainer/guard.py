"""The edge to training: what goes wrong in here is counted and said, and stops nobody."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from otel_trackio.diagnostics import Diagnostics
from otel_trackio.errors import ConfigError
from otel_trackio.settings import resolve

P = ParamSpec("P")


class Guarded(Protocol):
    """Whose methods are edges; where there is no run yet, `outside` takes the complaints."""

    @property
    def diagnostics(self) -> Diagnostics: ...


S = TypeVar("S", bound=Guarded)


def edge(method: Callable[Concatenate[S, P], None]) -> Callable[Concatenate[S, P], None]:
    """A method that raises nothing, unless OTEL_TRACKIO_RAISE asks for it."""

    def guarded(self: S, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 (the edge to training)
            complain(self.diagnostics, method.__name__, error)

    functools.update_wrapper(guarded, method)
    return guarded


def harmless(hook: Callable[P, None]) -> Callable[P, None]:
    """What is called while another library is imported, which must not fail for our sake."""

    @functools.wraps(hook)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            hook(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 (the edge to training)
            complain(outside(), "preparing", error)

    return guarded


def complain(diagnostics: Diagnostics, where: str, error: Exception) -> None:
    """Counts an error, and says what is not recorded for it."""
    diagnostics.error(
        f"dropped.trainer_{where}",
        f"{where} of a trainer was not recorded: {type(error).__name__}: {error}",
        error,
    )


_outside = Diagnostics()


def outside() -> Diagnostics:
    """For what goes wrong where no run is open."""
    with suppress(ConfigError):
        _outside.raise_errors = resolve({}, os.environ).raise_errors
    return _outside

"""Lets libraries know us by name, should they be imported: `report_to="otel_trackio"`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Final

from otel_trackio.diagnostics import logger

TAKERS: Final = {
    "transformers.integrations.integration_utils": "otel_trackio.trainer.attaching:offer",
    "accelerate.tracking": "otel_trackio.accelerate:offer",
}
"""Where a library looks up what it may log to, and what adds us there.

That is a name, as it loads the library; here nothing does.
"""


_offered: set[str] = set()


def offer() -> None:
    """Calling it again changes nothing, but for libraries that were not there before."""
    there = [name for name in TAKERS if name not in _offered and find_spec(name.partition(".")[0])]
    if not there:
        return
    from wrapt import register_post_import_hook  # Not light, and of no use without them.

    for name in there:
        _offered.add(name)
        register_post_import_hook(_taking(TAKERS[name]), name)


def _taking(taker: str) -> Callable[[ModuleType], None]:
    place, _, function = taker.partition(":")

    def take(library: ModuleType) -> None:
        try:
            getattr(import_module(place), function)(library)
        except Exception as error:  # noqa: BLE001 (the library is being imported, and not by us)
            logger.warning("%s does not know otel_trackio: %s", library.__name__, error)

    return take

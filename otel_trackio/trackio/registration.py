"""Makes this package what `import trackio` finds, in this process."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, DistributionFinder
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from otel_trackio.diagnostics import logger

NAME: Final = "trackio"

PACKAGE: Final = __name__.rpartition(".")[0]


def register(version: str) -> bool:
    """False, and said, where the real one is imported already: it is left alone then."""
    ours, there = sys.modules[PACKAGE], sys.modules.get(NAME)
    if there is not None and there is not ours:
        logger.warning(
            "trackio is imported already and stays what it is here: import otel_trackio.trackio"
            " before it, and before transformers and trl"
        )
        return False
    for name, module in list(sys.modules.items()):
        if name == PACKAGE or name.startswith(f"{PACKAGE}."):
            sys.modules[NAME + name.removeprefix(PACKAGE)] = module
    _tell_trl(ours)
    if not any(isinstance(each, Finder) for each in sys.meta_path):
        sys.meta_path.append(Finder(version))
    return True


def _tell_trl(ours: ModuleType) -> None:
    """Modules of TRL look for it once, when they are imported: those that were too early."""
    for name, module in list(sys.modules.items()):
        if name.startswith("trl.") and "is_trackio_available" in vars(module):
            vars(module).setdefault(NAME, ours)


class Finder(DistributionFinder):
    """Tells accelerate, which asks for a distribution too, of what is not installed."""

    def __init__(self, version: str) -> None:
        self._version = version

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        return None

    def find_distributions(self, context: Any = None) -> Iterable[Distribution]:
        asked = getattr(context, "name", None) == NAME
        return [_Standing(self._version)] if asked else []


class _Standing(Distribution):
    """A distribution without files."""

    def __init__(self, version: str) -> None:
        self._version = version

    def read_text(self, filename: str) -> str | None:
        if filename != "METADATA":
            return None
        return f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {self._version}\n"

    def locate_file(self, path: Any) -> Any:
        return Path(path)

"""OpenTelemetry instrument names for keys that may be any string."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

MAX_NAME: Final = 255
"""What OpenTelemetry allows an instrument's name to be long."""

_NOT_ALLOWED: Final = re.compile(r"[^a-z0-9_./-]+")


class InstrumentNames:
    """Gives each key a valid instrument name; no two keys of a run share one."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def name_for(self, key: str) -> str:
        """`train/loss` stays; `Train Loss` becomes `train_loss`, with a suffix if that is taken."""
        name = instrument_name(key)
        if name in self._taken:
            suffix = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
            name = f"{name[: MAX_NAME - 9]}_{suffix}"
        self._taken.add(name)
        return name


def instrument_name(key: str) -> str:
    """The nearest valid instrument name, in lower case as the SDK makes all of them."""
    name = _NOT_ALLOWED.sub("_", key.lower()).strip("_") or "metric"
    return name[:MAX_NAME] if name[0].isalpha() else f"m_{name}"[:MAX_NAME]

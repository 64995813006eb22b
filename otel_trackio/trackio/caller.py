"""Whether transformers' own callback calls, and on what occasion: it says neither.

It calls `init` with a project and a name that may be mere defaults, for a training as for what is
evaluated after it, and `finish` whenever a training ends. So its frame is looked at.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Final

MODULE: Final = "transformers.integrations.integration_utils"
"""Where `TrackioCallback` is."""

EVENTS: Final = ("on_train_begin", "on_train_end", "on_log", "on_predict", "on_push_begin")

DEPTH: Final = 6
"""Frames that are looked at: the callback is two or three away."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """The method of the callback that calls, and what its trainer gave it."""

    event: str
    args: Any
    model: Any


def occasion() -> Occasion | None:
    """None where somebody else calls, such as the user."""
    frame = sys._getframe(1)
    for _ in range(DEPTH):
        event = frame.f_code.co_name
        if event in EVENTS and frame.f_globals.get("__name__") == MODULE:
            given = frame.f_locals
            return Occasion(event, given.get("args"), given.get("model"))
        if frame.f_back is None:
            break
        frame = frame.f_back
    return None

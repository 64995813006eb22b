"""What a trainer's callback has recorded already, so that the drop-in does not record it again.

TRL and transformers' own callback hand the same numbers to `trackio.log` right after.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

GLOBAL_STEP: Final = "train/global_step"
"""How transformers' callback names the step, beside the numbers."""

_last = threading.local()


def remember(run_id: str, step: int | None, metrics: Mapping[str, Any]) -> None:
    """Notes what was recorded in a run just now, under its display keys."""
    _last.event = (run_id, step, metrics)


def is_recorded(run_id: str, metrics: Mapping[str, Any], step: int | None = None) -> bool:
    """Whether this thread's last event was of that run and had all of these numbers, at this step
    if one is named."""
    event = getattr(_last, "event", None)
    if event is None:
        return False
    run, at, known = event
    named = metrics.get(GLOBAL_STEP, step)
    rest = {key: value for key, value in metrics.items() if key != GLOBAL_STEP}
    here = run == run_id and (named is None or named == at)
    return here and all(key in known and _same(value, known[key]) for key, value in rest.items())


def is_last(run_id: str) -> bool:
    """Whether this thread's last event was of that run."""
    event = getattr(_last, "event", None)
    return event is not None and event[0] == run_id


def _same(one: Any, other: Any) -> bool:
    try:
        return one is other or bool(one == other)
    except Exception:  # noqa: BLE001 (arrays and tables of others raise anything)
        return False

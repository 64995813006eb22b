"""How grave an alert is."""

from __future__ import annotations

from enum import StrEnum


class AlertLevel(StrEnum):
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


RANKS = {level: rank for rank, level in enumerate(AlertLevel)}


def level_of(level: object) -> AlertLevel | None:
    """The level of that name, in any case; None where there is none."""
    if isinstance(level, AlertLevel):
        return level
    try:
        return AlertLevel(str(level).strip().lower())
    except ValueError:
        return None

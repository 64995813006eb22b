"""Times, sizes, numbers and names, as people read them in a terminal."""

from __future__ import annotations

import math
import time
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

SECOND: Final = 10**9
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

LONG_AGO: Final = 30 * DAY
"""From here on a date says more than a number of days."""

LONG_INTEGER: Final = 10**15

JOINERS: Final = "\u200c\u200d"
"""Invisible, and part of many a word and emoji."""


def age(moment: int, now: int | None = None) -> str:
    """How long ago a moment (ns since the epoch) was: `5 min ago`; long ago its date."""
    past = (time.time_ns() if now is None else now) - moment
    if past >= LONG_AGO:
        return local(moment)[:10]
    if past < SECOND:
        return "just now"
    for unit, name in ((DAY, "day"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s")):
        if past >= unit:
            number = past // unit
            return f"{number} {name}{'s' if name == 'day' and number > 1 else ''} ago"
    raise AssertionError(past)


def duration(length: int) -> str:
    """A length of time (ns) in its two leading units: `3 h 12 min`."""
    if length < 10 * SECOND:
        return f"{max(length, 0) / SECOND:.1f} s"
    seconds = length // SECOND
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def local(moment: int) -> str:
    """A moment (ns since the epoch) to the second, in this machine's time zone."""
    return datetime.fromtimestamp(moment // SECOND).isoformat(" ")


def utc(moment: int) -> str:
    """A moment (ns since the epoch) to the microsecond, as RFC 3339 has it."""
    seconds, rest = divmod(moment, SECOND)
    whole = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
    return whole.isoformat(timespec="microseconds").replace("+00:00", "Z")


def size(number: int) -> str:
    """Bytes: `12.3 MB`."""
    amount, units = float(number), ("bytes", "kB", "MB", "GB", "TB")
    for unit in units:
        if amount < 1000 or unit == units[-1]:
            return f"{number} {unit}" if unit == units[0] else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError(number)


def count(number: int, thing: str = "") -> str:
    """`1,234 points`; `1 point`."""
    plural = "" if number == 1 else "s"
    return f"{number:,} {thing}{plural}" if thing else f"{number:,}"


def rounded(value: float | int | None) -> str:
    """A value at a glance: six digits of a float, an integer whole if it is not too long."""
    if isinstance(value, int) and abs(value) >= LONG_INTEGER:
        return f"{Decimal(value):.5e}"  # Beyond what a float reaches, too.
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.6g}"
    return exact(value)


def exact(value: float | int | None) -> str:
    """A value so that it can be read back without loss; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return repr(value)


def visible(text: str) -> str:
    """Text on one line, with what would steer a terminal shown instead of obeyed."""
    return "".join(repr(c)[1:-1] if _steers(c) else c for c in text)


def _steers(character: str) -> bool:
    """Whether it is a control, a line's end, half a pair, or turns the direction of writing."""
    kind = unicodedata.category(character)
    return kind in ("Cc", "Cs", "Zl", "Zp") or (kind == "Cf" and character not in JOINERS)

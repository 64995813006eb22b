"""Moments as other programs write them down, in ns since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

UNITS: Final = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))
"""Numbers below the first are seconds, then ms, then us: so all moments from 1973 to 5138."""

SECONDS: Final = 10
"""Digits of the seconds since 1970 from 2001 to 2286."""

MOST: Final = 2**63 - 1

DIGITS: Final = len(str(MOST))
"""Of a number that may be a moment; to write out one of a thousand million would take forever."""


def ns_of(text: str) -> int | None:
    """The moment that a text names; None where it names none.

    An ISO 8601 date and time, which is UTC where it names no zone, or a number of seconds,
    milliseconds, microseconds or nanoseconds since 1970, of which its size tells.
    """
    seconds, _, fraction = text.partition(".")
    if len(seconds) == SECONDS and seconds.isdecimal() and (fraction + "0").isdecimal():
        return int(seconds) * 10**9 + int(fraction[:9].ljust(9, "0"))  # The usual form, quickly.
    try:
        number = Decimal(text)
    except InvalidOperation:
        return _iso(text)
    if not number.is_finite() or number.adjusted() > DIGITS:
        return None
    scale = next((unit for limit, unit in UNITS if abs(number) < limit), 1)
    moment = int(number * scale)
    return moment if abs(moment) <= MOST else None


def _iso(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    ns = (moment - EPOCH) // timedelta(microseconds=1) * 1000
    return ns if abs(ns) <= MOST else None


def ns_of_seconds(seconds: float) -> int:
    """A moment that is held in a float, as exactly as that holds it; 0 where it is none."""
    if not abs(seconds) < MOST // 10**9:
        return 0
    whole, fraction = divmod(seconds, 1)
    return int(whole) * 10**9 + round(fraction * 1e9)

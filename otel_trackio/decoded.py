"""What was decoded before, kept while there is room."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

T = TypeVar("T")

MAX_NUMBERS: Final = 2**22
"""Numbers, of 8 bytes each, that are kept."""


class Decoded:
    """Results of decoding, by key; those not used for longest give way. Not thread-safe."""

    def __init__(self, most: int = MAX_NUMBERS) -> None:
        self._most = most
        self._numbers = 0
        self._held: dict[Hashable, tuple[int, Any]] = {}

    @property
    def numbers(self) -> int:
        """How many numbers are kept."""
        return self._numbers

    def get(self, key: Hashable, decode: Callable[[], T], numbers: Callable[[T], int]) -> T:
        """What `decode` gave for `key`; `numbers` says how many numbers that holds."""
        held = self._held.pop(key, None)
        if held is None:
            made = decode()
            held = numbers(made), made
            self._numbers += held[0]
        self._held[key] = held
        while self._numbers > self._most:
            oldest = next(iter(self._held))
            self._numbers -= self._held.pop(oldest)[0]
        found: T = held[1]
        return found

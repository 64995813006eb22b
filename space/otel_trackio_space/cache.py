"""What was worked out before, kept while there is room."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Cache(Generic[T]):
    """Values by key, of a size each; those not used for longest give way. Any thread may use it."""

    def __init__(self, most: int) -> None:
        """`most` is how large all of them together may be."""
        self._most = most
        self._size = 0
        self._held: dict[Hashable, tuple[T, int]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: Hashable) -> T | None:
        with self._lock:
            held = self._held.pop(key, None)
            if held is None:
                return None
            self._held[key] = held
            return held[0]

    def put(self, key: Hashable, value: T, size: int) -> None:
        with self._lock:
            _, before = self._held.pop(key, (None, 0))
            self._held[key] = value, size
            self._size += size - before
            while self._size > self._most:
                oldest = next(iter(self._held))
                self._size -= self._held.pop(oldest)[1]

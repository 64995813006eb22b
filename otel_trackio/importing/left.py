"""What an import could not take, by reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MOST_NAMES: Final = 5
"""Names that are remembered of what was left for one reason."""


class Left:
    """Counts what stays behind. A reason is a plural: `texts`, `images`."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._names: dict[str, dict[str, None]] = {}

    def add(self, reason: str, name: str = "", amount: int = 1) -> None:
        """Counts `amount` more; `name` is what the source calls them."""
        self._counts[reason] = self._counts.get(reason, 0) + amount
        names = self._names.setdefault(reason, {})
        if name and len(names) <= MOST_NAMES:
            names[name] = None

    def merge(self, other: Left) -> None:
        """Counts all that `other` has counted, too."""
        for reason, amount in other.counts.items():
            self.add(reason, amount=amount)
            for name in other.names(reason):
                self.add(reason, name, 0)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many of each, the most first."""
        return dict(sorted(self._counts.items(), key=lambda each: -each[1]))

    def names(self, reason: str) -> list[str]:
        """The first names of what was left for a reason; one more than MOST_NAMES if more."""
        return list(self._names.get(reason, ()))

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return dict(self.counts)

"""What benchmarks hand in, and how it is shown."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number, and the most that it may be if that is promised."""

    what: str
    measured: float
    unit: str
    bound: float | None = None

    @property
    def ratio(self) -> float | None:
        return None if self.bound is None else self.measured / self.bound

    def cells(self) -> tuple[str, ...]:
        if self.ratio is None:
            return self.what, shown(self.measured, self.unit), "", "", ""
        verdict = "ok" if self.ratio <= 1 else "[red]over[/]"
        bound = shown(self.bound or 0, self.unit)
        return self.what, shown(self.measured, self.unit), bound, f"{self.ratio:.2f}", verdict


def shown(number: float, unit: str) -> str:
    """A number with about three digits and its unit."""
    digits = 0 if abs(number) >= 100 else 1 if abs(number) >= 10 else 2
    return f"{number:,.{digits}f} {unit}".rstrip()


def table(sections: Iterable[tuple[str, Iterable[Row]]]) -> Table:
    """A row a number, a section a benchmark."""
    drawn = Table("", "what", "measured", "bound", "ratio", "")
    for column in drawn.columns[2:5]:
        column.justify = "right"
    for name, rows in sections:
        for place, row in enumerate(rows):
            drawn.add_row("" if place else name, *row.cells())
        drawn.add_section()
    return drawn


def console() -> Console:
    """Wide enough for a table, even where the output goes to a file."""
    return Console(width=None if sys.stdout.isatty() else 140)

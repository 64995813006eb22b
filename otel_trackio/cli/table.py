"""Tables and other text on standard output: fitted to a terminal, whole anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import click
from rich.cells import set_cell_size
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from otel_trackio.cli import marks
from otel_trackio.cli.quantity import visible

UNBOUNDED: Final = 100_000
"""Characters of a line where no terminal sets its width: nothing is wrapped or cut."""

STYLES: Final = {
    "running": "green",
    "finished": "",
    "failed": "red",
    "crashed": "red",
    "error": "red",
    "warn": "yellow",
    "info": "cyan",
}
"""The colour of words that have one."""


GAP: Final = 2
"""Blanks between columns."""

NARROW: Final = 12
"""Characters that a column that gives way keeps at least."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading, side and style, and what becomes of it in a narrow terminal.

    It is kept as it is, its cells lose their ends or their middles or are folded, or it is left
    out altogether.
    """

    heading: str
    justify: Literal["left", "right"] = "left"
    style: str = ""
    narrow: Literal["kept", "cut", "cut inside", "folded", "left out"] = "kept"


def coloured(word: str) -> Text:
    """A state or level in its colour."""
    return Text(word, STYLES.get(word, ""))


def table(columns: Sequence[Column], rows: Sequence[Sequence[str | Text]]) -> Table:
    """One line a row; columns that hold nothing are left out."""
    cells = [[_cell(content) for content in row] for row in rows]
    widths = {
        place: max(len(column.heading), *(row[place].cell_len for row in cells))
        for place, column in enumerate(columns)
        if any(row[place] for row in cells)
    }
    _fit(widths, columns, console().width)
    made = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for place, width in widths.items():
        column = columns[place]
        made.add_column(
            column.heading,
            justify=column.justify,
            style=column.style,
            no_wrap=column.narrow != "folded",
            overflow="fold" if column.narrow == "folded" else "ellipsis",
            min_width=width,
            max_width=width,
        )
    for row in cells:
        made.add_row(*(_fitted(row[place], columns[place], widths[place]) for place in widths))
    return made


def texts(made: Table, heading: str) -> list[str]:
    """What the rows of a table show in a column."""
    column = next(each for each in made.columns if each.header == heading)
    return [str(cell) for cell in column.cells]


def _fitted(cell: Text, column: Column, width: int) -> Text:
    """The cell, or its ends where it is to lose its middle: names differ at their ends."""
    if column.narrow != "cut inside" or cell.cell_len <= width:
        return cell
    head = (width - 1) // 3
    kept = [set_cell_size(cell.plain, head), marks.CUT]
    return Text("".join(kept) + _end(cell.plain, width - 1 - head))


def _end(text: str, width: int) -> str:
    """The last characters of the text that fit."""
    return set_cell_size(text[::-1], width)[::-1].lstrip()


def _fit(widths: dict[int, int], columns: Sequence[Column], width: int) -> None:
    """Takes from `widths` what a terminal has no room for, as far as the columns give way."""

    def excess() -> int:
        return sum(widths.values()) + GAP * (len(widths) - 1) - width

    for place in reversed(list(widths)):
        if excess() > 0 and columns[place].narrow == "left out":
            del widths[place]
    for ways in (("cut", "cut inside"), ("folded",)):
        for place in reversed(list(widths)):
            if excess() > 0 and columns[place].narrow in ways:
                widths[place] = max(widths[place] - excess(), min(widths[place], NARROW))
    for place in reversed(list(widths)):  # At last down to the headings.
        if excess() > 0 and columns[place].narrow == "cut":
            least = min(widths[place], len(columns[place].heading))
            widths[place] = max(widths[place] - excess(), least)


def pairs(rows: Iterable[tuple[str, str | Text]]) -> Table:
    """Labels, and what is to say of each, in as many lines as that takes."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, content in rows:
        grid.add_row(Text(f"  {visible(label)}"), _cell(content))
    return grid


def _cell(content: str | Text) -> Text:
    return content if isinstance(content, Text) else Text(visible(content))


def console() -> Console:
    """Standard output as it is now."""
    made = Console(highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = UNBOUNDED
    return made


def show(*parts: RenderableType) -> None:
    """Prints each part on lines of its own, without blanks at their ends."""
    out = console()
    width = out.width
    with out.capture() as captured:
        for part in parts:
            # A table has fitted itself; where it could not, the terminal breaks its lines.
            out.width = UNBOUNDED if _is_fitted(part) else width
            out.print(part)
    for line in captured.get().rstrip("\n").split("\n"):
        # Named, or click writes UTF-8 to a terminal that knows ASCII alone.
        click.echo(line.rstrip(), file=sys.stdout, color=True)


def _is_fitted(part: RenderableType) -> bool:
    return isinstance(part, Table) and bool(part.header_style)


def note(text: str) -> None:
    """Says something beside the answer, on standard error."""
    click.echo(visible(text), err=True)

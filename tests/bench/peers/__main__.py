"""`python -m tests.bench.peers`: one training loop under each tool, in turns, then one page.

Every round runs every tool once in every condition, so that a machine that grows slower or
busier does so for all of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from rich.table import Table

from tests.bench.machine import described, pace
from tests.bench.peers import page
from tests.bench.peers.tools import METRICS, TOOLS, Speed, Tool
from tests.bench.table import console, shown

KILLED_AFTER = 1_000
REFERENCE = TOOLS[0]


@dataclass(frozen=True, slots=True)
class Results:
    """What was measured of one tool: an entry a round."""

    idle: list[Speed] = field(default_factory=list)
    busy: list[Speed] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)

    def measure(self, tool: Tool, calls: int, seconds: int) -> None:
        self.idle.append(tool.speed(calls, seconds, busy=False))
        self.busy.append(tool.speed(calls, seconds, busy=True))
        self.lost.append(tool.lost(KILLED_AFTER))


Number = Callable[[Results], float]

COLUMNS: dict[str, Number] = {
    "idle p50": lambda results: median(speed.p50 for speed in results.idle),
    "idle p99": lambda results: median(speed.p99 for speed in results.idle),
    "busy p50": lambda results: median(speed.p50 for speed in results.busy),
    "busy p99": lambda results: median(speed.p99 for speed in results.busy),
    "bytes/point": lambda results: median(speed.bytes for speed in results.idle),
}


def table(results: dict[Tool, Results]) -> Table:
    """A row a tool; in brackets how many times otel-trackio's number, if it was measured."""
    reference = results.get(REFERENCE)
    drawn = Table("tool", *COLUMNS, "lost", "calls idle, busy")
    for column in drawn.columns[1:]:
        column.justify = "right"
    for tool, of in results.items():
        cells = [cell(number, of, reference) for number in COLUMNS.values()]
        calls = [min(speed.calls for speed in speeds) for speeds in (of.idle, of.busy)]
        lost = f"{max(of.lost):,} of {KILLED_AFTER:,}"
        drawn.add_row(str(tool), *cells, lost, "{:,}, {:,}".format(*calls))
    return drawn


def cell(number: Number, of: Results, reference: Results | None) -> str:
    value = number(of)
    if reference is None or reference is of:
        return shown(value, "")
    return f"{shown(value, '')} ({shown(value / number(reference), '')}x)"


def arguments() -> argparse.Namespace:
    names = [tool.name for tool in TOOLS]
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seconds", type=int, default=60, help="the longest a loop may take")
    parser.add_argument("--tools", nargs="+", choices=names, default=names)
    parser.add_argument("--steps", type=int, nargs="*", default=[2_000, 20_000], help="of a page")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    results = {tool: Results() for tool in TOOLS if tool.name in given.tools}
    for tool in results:
        print(f"installing {tool}", file=sys.stderr)
        tool.install()
    paces = [pace()]
    for turn in range(given.rounds):
        for tool, of in results.items():
            print(f"round {turn + 1} of {given.rounds}: {tool}", file=sys.stderr)
            of.measure(tool, given.calls, given.seconds)
            paces.append(pace())
    output = console()
    output.print(table(results))
    output.print(
        f"log() of {METRICS} metrics, microseconds on the training thread, medians over rounds "
        f"({given.rounds}). Busy: beside a thread that spins in Python. Lost: calls that had "
        "returned and cannot be read back after SIGKILL 0.1 s later, worst round."
    )
    if given.steps and page.PEER in results:
        print("opening pages", file=sys.stderr)
        output.print(page.table(given.steps, given.rounds))
        output.print(page.MEANING)
        paces.append(pace())
    output.print(described(paces))


if __name__ == "__main__":
    main()

"""One page of charts under our dashboard and under Trackio's: the same browser, the same curves."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

from rich.table import Table

from tests.bench import page
from tests.bench.data import Shape
from tests.bench.peers.tools import ENVIRONMENT, HERE, TOOLS, Tool, folder
from tests.bench.table import shown
from tests.bench.visit import Loaded, visit
from tests.space.browser.dashboard import free_port

IDLE_SECONDS: Final = 10.0
PEER: Final = next(tool for tool in TOOLS if tool.name == "trackio")


@dataclass(frozen=True, slots=True)
class Page:
    """What was measured of one page: an entry a round."""

    loaded: list[Loaded] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)

    def measure(self, address: str) -> None:
        with visit() as own:
            self.loaded.append(own.load(address))
            self.idle.append(own.idle(IDLE_SECONDS))

    def cells(self) -> Iterator[str]:
        for name, unit in (("first", "s"), ("all", "s"), ("sent", "MB"), ("heap", "MB")):
            yield shown(median(getattr(each, name) for each in self.loaded), unit)
        yield shown(median(self.idle), "kB/s")
        yield str(min(each.charts for each in self.loaded))


COLUMNS: Final = ("first chart", "all in the window", "received", "heap", "idle", "charts")

MEANING: Final = (
    f"A page with the charts of {page.RUNS} runs x {page.KEYS} metrics in a fresh browser, medians "
    "over rounds. Charts: how many the window shows. Received: over the wire until they are drawn. "
    "Idle: received afterwards, while nothing happens."
)


def table(steps: Sequence[int], rounds: int) -> Table:
    """Two rows for each number of steps: ours and Trackio's."""
    drawn = Table("page", "points", *COLUMNS)
    for column in drawn.columns[1:]:
        column.justify = "right"
    for each in steps:
        shape = Shape(page.KEYS, each)
        points = f"{page.RUNS * page.KEYS * each:,}"
        for name, found in _measured(shape, rounds).items():
            drawn.add_row(name, points, *found.cells())
        drawn.add_section()
    return drawn


def _measured(shape: Shape, rounds: int) -> dict[str, Page]:
    ours, theirs = Page(), Page()
    with page.served(page.RUNS, shape) as dashboard, trackio(page.RUNS, shape) as address:
        for _ in range(rounds):
            ours.measure(page.address(dashboard))
            theirs.measure(address)
    return {str(TOOLS[0]): ours, str(PEER): theirs}


@contextmanager
def trackio(runs: int, shape: Shape, tool: Tool = PEER) -> Iterator[str]:
    """The address of Trackio's page on as many points."""
    port = free_port()
    numbers = map(str, (runs, shape.keys, shape.steps, port))
    with folder() as directory:
        process = subprocess.Popen(
            (tool.python, HERE / "trackio_page.py", *numbers),
            env=ENVIRONMENT | {"TRACKIO_DIR": str(directory)},
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_until_served(f"http://127.0.0.1:{port}/", process)
            yield f"http://127.0.0.1:{port}/?project={page.PROJECT}"
        finally:
            process.kill()
            process.wait()


def wait_until_served(address: str, process: subprocess.Popen[bytes]) -> None:
    """Raises RuntimeError if the process ends before it answers."""
    while process.poll() is None:
        try:
            urlopen(address, timeout=5).close()
            return
        except (URLError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError(f"{process.args!r} ended with status {process.returncode}")

"""What the demo shows of its runs, all of it read back from where they were recorded or synced."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any, Final

import numpy as np
import plotext
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from otel_trackio.api import Api
from otel_trackio.demo.parquet import Synced
from otel_trackio.demo.training import PROJECT
from otel_trackio.facts import Facts
from otel_trackio.query import Curve
from otel_trackio.storedrun import StoredRun

LOSS: Final = "train/loss"

COLOURS: Final = ("cyan", "green", "magenta")
"""Of the groups, in their order."""

WRONG: Final = "red"

PLOT_HEIGHT: Final = 18
MAX_PLOT_WIDTH: Final = 100
BEST_SHOWN: Final = 3
"""Runs that the query of the Parquet is shown to find."""

DECADES: Final = (-2, -1, 0, 1, 2)
"""Powers of ten that the plot shows; a loss beyond them leaves it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A run, its facts, and the colour of its group."""

    run: StoredRun
    facts: Facts
    colour: str

    @property
    def path(self) -> str:
        """What the command line calls it."""
        return f"{self.facts.project}/{self.facts.name}"

    @property
    def best_accuracy(self) -> float:
        return float(self.facts.summary["best_accuracy"])


def show(console: Console, api: Api, ids: Sequence[str], synced: Synced, options: str) -> None:
    """Prints a table and a plot of the runs, a query of what was synced, and where to look further.

    Commands come with `options`.
    """
    with ExitStack() as stack:
        shown = _coloured([stack.enter_context(api.run(each)) for each in ids])
        console.print("", _table(shown), *_alerts(shown), sep="\n")
        console.print("", _legend(shown), sep="\n")
        console.print(_plot(shown, api, min(console.width, MAX_PLOT_WIDTH)))
    # Lines to be copied stay whole, however narrow the terminal.
    console.print("", _query(synced), sep="\n", soft_wrap=True)
    console.print("", _answer(synced, api), "", _upload(options), sep="\n", soft_wrap=True)
    console.print("", _commands(shown, options), sep="\n", soft_wrap=True)
    console.print("", _removal(shown, api.dir, synced.folder, options), sep="\n", soft_wrap=True)


def _coloured(runs: Sequence[StoredRun]) -> list[Shown]:
    facts = [run.facts() for run in runs]
    groups = dict.fromkeys(each.group for each in facts)
    colours = dict(zip(groups, COLOURS, strict=True))
    return [Shown(run, each, colours[each.group]) for run, each in zip(runs, facts, strict=True)]


def _table(shown: Sequence[Shown]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("RUN", "GROUP", "VIA", "STATE"):
        table.add_column(heading)
    for heading in ("BEST ACCURACY", "LOSS", "POINTS"):
        table.add_column(heading, justify="right")
    for each in shown:
        standing = each.run.standing()
        table.add_row(
            each.facts.name,
            Text(each.facts.group, each.colour),
            each.facts.config["recorded_via"],
            standing.state,
            f"{each.best_accuracy:.1%}",
            _final_loss(each.run),
            f"{standing.points:,}",
        )
    return table


def _final_loss(run: StoredRun) -> Text:
    loss = float(run.history(LOSS)["value"][-1])
    return Text(f"{loss:.3f}") if math.isfinite(loss) else Text("NaN", WRONG)


def _alerts(shown: Sequence[Shown]) -> Iterator[Text]:
    for each in shown:
        for alert in each.run.alerts():
            about = f"✕ {each.facts.name}, step {alert.step}: {alert.data['title']}"
            yield Text.assemble((about, WRONG), f"; {alert.data['text']}")


def _plot(shown: Sequence[Shown], api: Api, width: int) -> Text:
    """The mean loss over equal stretches of steps, on a logarithmic axis."""
    colours = {each.run.id: each.colour for each in shown}
    curves = api.query([each.run for each in shown], [LOSS], max_points=width)
    last_step = max(int(curve.buckets.index[-1]) * curve.buckets.width for curve in curves)
    figure = plotext.figure  # The only one of the process.
    figure.clear()
    figure.theme("colorless")
    figure.canvas("default")
    figure.plot_size(width, PLOT_HEIGHT)
    figure.axes(False, axis="x", side="upper")
    figure.axes(False, axis="y", side="right")
    figure.ruler("y").lim(DECADES[0], DECADES[-1])
    figure.ruler("y").ticks(DECADES, [f"{10.0**each:g}" for each in DECADES])
    ticks = range(0, last_step + 1, 10 ** (len(str(last_step)) - 1))
    figure.ruler("x").ticks(ticks, [str(each) for each in ticks])
    for curve in curves:
        _draw(figure, curve, colours[curve.run])
    return Text.from_ansi(figure.build().string().rstrip("\n"))


def _draw(figure: Any, curve: Curve, colour: str) -> None:
    buckets = curve.buckets
    step = buckets.index * buckets.width
    finite = buckets.count - buckets.nan - buckets.pos_inf - buckets.neg_inf
    drawn, lost = finite > 0, finite < buckets.count
    power = np.log10(buckets.sum[drawn] / finite[drawn])
    marker = plotext.marker("braille", colour)
    figure.draw(figure.signal(step[drawn].tolist(), power.tolist(), marker=marker).lines())
    if lost.any():
        marker = plotext.marker("✕", WRONG)
        figure.draw(figure.signal([int(step[lost][0])], [DECADES[-1]], marker=marker))


def _legend(shown: Sequence[Shown]) -> Text:
    groups = {each.facts.group: each.colour for each in shown}
    lines = [(f"━ {group}   ", colour) for group, colour in groups.items()]
    return Text.assemble(f"{LOSS} by step   ", *lines, ("✕ not finite from here", WRONG))


def _query(synced: Synced) -> Text:
    return Text.assemble(
        ("As Parquet", "bold"),
        f" the runs are in {synced.folder}, for whatever reads it:\n",
        indent(synced.query.rstrip(), "  "),
    )


def _answer(synced: Synced, api: Api) -> Padding:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("run")
    table.add_column("value_max", justify="right")
    table.add_column("")
    for row in synced.best().slice(length=BEST_SHOWN).to_pylist():
        table.add_row(row["run"], f"{row['value_max']:.4f}", api.run(row["run"]).facts().name)
    return Padding(table, (0, 0, 0, 2))


def _upload(options: str) -> Text:
    return Text.assemble(
        "The same in a private Dataset of yours on the Hub, now or while you train:",
        f"\n  otel-trackio sync {PROJECT} --to hf://datasets/{PROJECT}{options}",
        f'\n  otel_trackio.init("{PROJECT}", dataset_id="{PROJECT}")',
    )


def _commands(shown: Sequence[Shown], options: str) -> Text:
    best = max(shown, key=lambda each: each.best_accuracy).path
    return Text.assemble(
        ("Look further:", "bold"),
        f"\n  otel-trackio ls {PROJECT}{options}",
        f"\n  otel-trackio info {best}{options}",
        f"\n  otel-trackio get {best} {LOSS} --format csv{options}",
        f"\n  otel-trackio watch {best}{options}",
    )


def _removal(shown: Sequence[Shown], dir: Path, folder: Path, options: str) -> Text:
    names = " ".join(each.facts.name for each in shown)
    return Text.assemble(
        ("Your data", "bold"),
        f" is in {dir / 'runs'} and {folder}; to remove it:",
        f"\n  otel-trackio rm {names}{options}",
        f"\n  rm -r {shlex.quote(str(folder))}",
    )

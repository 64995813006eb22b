"""A run that is looked at again and again, at little cost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import click

from otel_trackio.cli.metrics import chosen, kinds_of
from otel_trackio.cli.overview import Overview, overview
from otel_trackio.errors import UnknownMetric
from otel_trackio.model import Kind
from otel_trackio.query import Curve, query
from otel_trackio.storedrun import StoredRun

BUCKETS: Final = 240
"""Of a curve that is drawn: as many as 120 characters can show."""


@dataclass(frozen=True, slots=True)
class View:
    """The run at one moment: curves to draw, curves to sum up, and what is waited for."""

    about: Overview
    drawn: tuple[Curve, ...] = ()
    others: tuple[Curve, ...] = ()
    waiting: str = ""

    @property
    def over(self) -> bool:
        return self.about.standing.state != "running"

    def document(self) -> dict[str, Any]:
        last = {each.key: float(each.buckets.last[-1]) for each in (*self.drawn, *self.others)}
        return {**self.about.document(), "last": last}


class Watched:
    """A run that is looked at again and again; points are read only where there are new ones."""

    def __init__(self, run: StoredRun, metrics: Sequence[str]) -> None:
        self._run = run
        self._metrics = metrics
        self._view: View | None = None

    def looks(self, interval: float) -> Iterator[View]:
        """Views of the run, `interval` seconds apart, until it is over."""
        while not (view := self.look()).over:
            yield view
            time.sleep(interval)
        yield view

    def look(self) -> View:
        """The run now. Raises UnknownMetric where it is over and never had one asked for."""
        with self._run.sources():
            about = overview(self._run)
            if self._view is None or _progress(self._view.about) != _progress(about):
                self._view = self._read(about)
            else:
                self._view = replace(self._view, about=about)
        return self._view

    def _read(self, about: Overview) -> View:
        kinds = kinds_of(self._run)
        keys, waiting = self._chosen(kinds, running=about.standing.state == "running")
        others = [key for key, kind in kinds.items() if key not in keys and kind != "histogram"]
        drawn = _curves(self._run, keys, BUCKETS)
        return View(about, drawn, _curves(self._run, others, max_points=2), waiting)

    def _chosen(self, kinds: Mapping[str, Kind], running: bool) -> tuple[list[str], str]:
        """The metrics to draw, and what is said of one that is not there yet."""
        keys: list[str] = []
        waiting = ""
        for metric in self._metrics or _main(kinds):
            try:
                keys += chosen([metric], kinds)
            except UnknownMetric as error:
                if not running:
                    raise
                waiting = f"waiting: {error}"
        for key in keys:
            if kinds[key] == "histogram":
                raise click.UsageError(f"{key!r} is a histogram; otel-trackio get shows it")
        return keys, waiting


def _progress(about: Overview) -> tuple[int, str]:
    return about.standing.points, about.standing.state


def _main(kinds: Mapping[str, Kind]) -> list[str]:
    """The metric to draw where none was named: a loss, or else the first."""
    curves = [key for key, kind in kinds.items() if kind != "histogram"]
    losses = [key for key in curves if "loss" in key.lower() and kinds[key] == "gauge"]
    return (losses or curves)[:1]


def _curves(run: StoredRun, keys: Sequence[str], max_points: int) -> tuple[Curve, ...]:
    """Curves over steps; over time for metrics that have none."""
    by_step = {each.key: each for each in query([run], keys, "step", max_points=max_points)}
    rest = [key for key in keys if key not in by_step]
    by_time = {each.key: each for each in query([run], rest, "time", max_points=max_points)}
    found = by_step | by_time
    return tuple(found[key] for key in keys if key in found)

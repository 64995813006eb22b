"""A curve drawn with characters."""

from __future__ import annotations

from typing import Any

import numpy as np

from otel_trackio.cli.quantity import count, duration
from otel_trackio.query import Curve


def plot(curve: Curve, width: int, height: int, last_step: int | None = None) -> str:
    """Lines of text, coloured, with the curve over its steps or over time.

    A bucket spans its least and greatest value, so no spike is lost. The axis ends at
    `last_step`, where the last bucket goes beyond it. Empty where no value is finite.
    """
    import plotext  # As slow to import as all the rest, and only a plot needs it.

    buckets = curve.buckets
    drawn = np.isfinite(buckets.min)
    if not drawn.any():
        return ""
    position = np.repeat(buckets.index[drawn] * buckets.width, 2)
    value = np.column_stack([buckets.min[drawn], buckets.max[drawn]]).ravel()
    figure: Any = plotext.figure  # The only one of the process.
    figure.clear()
    figure.theme("colorless")
    figure.canvas("default")
    figure.plot_size(width, height)
    figure.axes(False, axis="x", side="upper")
    figure.axes(False, axis="y", side="right")
    first, last = int(position[0]), int(position[-1])
    ticks = [_tick(first, first, curve.axis), _tick(_end(curve, last_step), first, curve.axis)]
    figure.ruler("x").ticks([0, last - first], ticks)
    marker = plotext.marker("braille", "cyan")
    line = figure.signal((position - first).tolist(), value.tolist(), marker=marker).lines()
    figure.draw(line)
    return str(figure.build().string()).rstrip("\n")


def _end(curve: Curve, last_step: int | None) -> int:
    buckets = curve.buckets
    end = int(buckets.index[-1] + 1) * buckets.width - 1
    return end if last_step is None or curve.axis == "time" else min(end, last_step)


def _tick(position: int, first: int, axis: str) -> str:
    return duration(position - first) if axis == "time" else count(position)

"""What is drawn on charts, by its colours: alerts, the run that is pointed at, ranks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.space.browser.visitor import Chart, Visitor, until

pytestmark = pytest.mark.xdist_group("browser")

SEEN: Final = 25
"""Pixels of a line that is there; where lines cross, a few are of any colour."""


@pytest.fixture
def look(visitor: Callable[..., Visitor]) -> Callable[..., Chart]:
    """`look(key, told, **view)` opens the charts of `digits` and waits for one."""

    def looking(key: str = "train/loss", told: str = "12 lines", **view: object) -> Chart:
        chart = Chart(visitor().open({"project": "digits", **view}), key)
        chart.tells(f"{key}: {told}")
        return chart

    return looking


@pytest.mark.parametrize("x", ["step", "relative", "time"])
def test_alerts_stand_on_every_axis_of_their_run(look: Callable[..., Chart], x: str) -> None:
    """A dotted line, also along time; none where its run is hidden, or along another metric."""
    chart = look(x=x)
    until(lambda: is_warned(chart), chart.page)
    chart = look(told="11 lines", x=x, filter="^(?!digits-1-2)")
    assert warned(chart) < SEEN
    chart = look(x="metric:tokens")
    assert warned(chart) < SEEN


def is_warned(chart: Chart) -> None:
    assert warned(chart) >= SEEN


def warned(chart: Chart) -> int:
    """Pixels of the chart in the colour of an error."""
    return painted(chart, "getComputedStyle(canvas.closest('.ot')).getPropertyValue('--bad')")


def painted(chart: Chart, colour: str) -> int:
    """Pixels of the chart that are, or nearly, of the colour that a script on its canvas tells."""
    script = f"""canvas => {{
      const hex = ({colour}).trim();
      const wanted = [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16));
      const {{ width, height }} = canvas;
      const copy = new OffscreenCanvas(width, height).getContext('2d');
      copy.drawImage(canvas, 0, 0);
      const {{ data }} = copy.getImageData(0, 0, width, height);
      let found = 0;
      for (let at = 0; at < data.length; at += 4)
        if (wanted.every((each, i) => Math.abs(each - data[at + i]) < 10)) found++;
      return found;
    }}"""
    return int(chart.plot.locator("canvas").evaluate(script))


def test_a_run_that_is_pointed_at_comes_to_the_front(look: Callable[..., Chart]) -> None:
    """Of lines that lie on each other the one of that run is seen, and the others fade."""
    chart = look("train/learning_rate")
    ink = [inks(chart, f"digits-1-{seed}") for seed in (0, 2)]
    until(lambda: seen(chart, ink[1]), chart.page)
    assert painted(chart, f"'{ink[0]}'") < SEEN  # It lies below the other.
    chart.page.get_by_role("listitem").filter(has_text="digits-1-0").hover()
    until(lambda: seen(chart, ink[0]), chart.page)
    assert painted(chart, f"'{ink[1]}'") < SEEN
    chart.page.mouse.move(0, 0)
    until(lambda: seen(chart, ink[1]), chart.page)


def inks(chart: Chart, name: str) -> str:
    """The colour of a run, as the list of runs has it."""
    box = chart.page.get_by_role("checkbox", name=name, exact=False)
    ink = box.evaluate("each => getComputedStyle(each).getPropertyValue('--swatch').trim()")
    return str(ink)


def seen(chart: Chart, ink: str) -> None:
    assert painted(chart, f"'{ink}'") >= SEEN


def test_ranks_of_a_run(visitor: Callable[..., Visitor]) -> None:
    """The lowest stands for the run; another, or all as lines of their own, on demand."""
    chart = Chart(visitor().open({"project": "ranks"}), "loss")
    chart.tells("loss: 1 line")
    assert chart.press("Home").values() == {"two": 0}
    chart.page.get_by_role("button", name="Options").click()
    ranks = chart.page.get_by_role("combobox", name="Ranks")
    ranks.select_option(label="All")
    chart.tells("loss: 2 lines")
    assert chart.press("Home").values() == {"two · rank 1": 10, "two · rank 0": 0}
    chart.page.get_by_role("button", name="Options").click()
    ranks.select_option(label="Rank 1")
    chart.tells("Last values from 10.97")
    assert chart.press("Home").values() == {"two": 10}


def test_runs_of_one_process_have_no_choice_of_ranks(look: Callable[..., Chart]) -> None:
    """It would be one of one."""
    chart = look()
    chart.page.get_by_role("button", name="Options").click()
    expect(chart.page.get_by_role("combobox", name="Columns")).to_be_visible()
    expect(chart.page.get_by_role("combobox", name="Ranks")).to_be_hidden()

"""Distributions on the page of their run, and titles of metrics with attributes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

import otel_trackio
from otel_trackio import Histogram
from tests.space.browser.dashboard import Dashboard
from tests.space.browser.shelf import HOSTILE, Shelf
from tests.space.browser.visitor import PHONE, TWO_FRAMES, Visitor, until

pytestmark = pytest.mark.xdist_group("browser")

STEPS: Final = 6
AMOUNT: Final = 200

ROUTES: Final = ("/cart", "/checkout")
"""Values of an attribute that is not the first one of its key."""

COLOURS: Final = """canvas => {
  const { width, height } = canvas;
  const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const found = new Set();
  for (const pixel of new Uint32Array(copy.getImageData(0, 0, width, height).data.buffer))
    if (pixel >>> 24 === 255) found.add(pixel);
  return found.size;
}"""


@pytest.fixture(scope="module")
def shown(shelf: Shelf) -> str:
    """A run with distributions of every kind, and metrics with long attributes; its id."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_TRACKIO_SILENT", "1")
        with otel_trackio.init("distributions", "shown", dir=shelf.dir) as run:
            meter = otel_trackio.get_meter("test")
            requests = meter.create_counter("http.requests")
            duration = meter.create_histogram("http.duration", unit="s")
            for step in range(STEPS):
                values = weights(step)
                run.log({"loss": 1 / (step + 1), "weights": Histogram(values)}, step * 10)
                for route in ROUTES:
                    about = {"http.request.method": "GET", "http.server.long_name": "a" * 60}
                    requests.add(1, {**about, "http.server.route": route})
                    duration.record(step, {**about, "http.server.route": route})
            run.log({name: Histogram([1, 2]) for name in HOSTILE}, 0)
            run.log({"nothing": Histogram([float("nan")] * 3)}, 0)
    return run.id


def weights(step: int) -> Any:
    return np.random.default_rng(step).normal(step, 1, AMOUNT)


def opened(came: Visitor, run: str, project: str = "distributions") -> Visitor:
    came.open({"page": "run", "project": project, "run": run})
    expect(came.page.get_by_role("heading", name="Distributions")).to_be_visible()
    return came


def panel(came: Visitor, key: str) -> Locator:
    """The panel of a metric, once it is drawn."""
    found = came.page.get_by_role("region", name=key, exact=True)
    found.scroll_into_view_if_needed()
    expect(found.locator("canvas")).to_be_visible()
    until(lambda: _drawn(found), came.page)
    return found


def _drawn(found: Locator) -> None:
    assert found.locator("canvas").evaluate(COLOURS) > 1  # The frame has one.


def reading(came: Visitor) -> dict[str, str]:
    """What stands beside the pointer."""
    came.page.evaluate(TWO_FRAMES)
    box = came.page.locator(".tooltip:visible")
    expect(box).to_have_count(1)
    rows = box.locator("tr").evaluate_all(
        "rows => rows.map(r => [...r.cells].map(c => c.innerText))"
    )
    return {"title": box.locator(".tooltip-title").inner_text(), **dict(rows)}


def test_a_distribution_is_drawn_and_read(visitor: Callable[..., Visitor], shown: str) -> None:
    """Under the pointer stand its step and its numbers, and the share of the bucket."""
    came = opened(visitor(), shown)
    found = panel(came, "weights")
    group = found.get_by_role("group")
    expect(group).to_have_accessible_name(
        re.compile(r"^weights: 6 distributions, step 0 to step 50")
    )
    canvas = found.locator("canvas").bounding_box()
    assert canvas is not None
    # The last column is the right one; its mean is high up.
    came.page.mouse.move(canvas["x"] + canvas["width"] * 0.95, canvas["y"] + canvas["height"] * 0.2)
    told = reading(came)
    values = weights(STEPS - 1)
    assert told["title"] == "step 50"
    assert told["count"] == str(AMOUNT)
    assert float(told["mean"]) == pytest.approx(values.mean(), abs=0.01)
    assert float(told["max"]) == pytest.approx(values.max(), abs=0.01)
    assert any(
        re.search(r"^[\d.]+ to [\d.]+$", name) and "%" in text for name, text in told.items()
    )
    came.page.mouse.move(1, 1)
    expect(came.page.locator(".tooltip:visible")).to_have_count(0)


def test_a_distribution_is_read_by_keyboard(visitor: Callable[..., Visitor], shown: str) -> None:
    """From the fullest row of the last column to every other; it is said aloud."""
    came = opened(visitor(), shown)
    group = panel(came, "weights").get_by_role("group")
    group.focus()
    group.press("End")
    assert reading(came)["title"] == "step 50"
    group.press("ArrowLeft")
    assert reading(came)["title"] == "step 40"
    group.press("Home")
    first = reading(came)
    assert first["title"] == "step 0"
    group.press("ArrowUp")
    assert list(reading(came))[1] != list(first)[1]
    expect(came.page.get_by_role("status").filter(has_text="step 0: ")).to_have_count(1)
    group.press("Escape")
    expect(came.page.locator(".tooltip:visible")).to_have_count(0)


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": PHONE}])
def test_everybody_can_use_it(
    visitor: Callable[..., Visitor], shown: str, dashboard: Dashboard, options: dict[str, Any]
) -> None:
    """Light, dark and on a phone: nothing sticks out, and axe finds nothing serious."""
    came = opened(visitor(dashboard, **options), shown)
    panel(came, "weights")
    panel(came, "http.duration{" + ABOUT.format(ROUTES[1]) + "}")
    expect(came.page.get_by_text("No finite values among 3.")).to_be_visible()
    assert came.overflow() <= 0
    assert came.faults() == []


ABOUT: Final = f"http.request.method=GET,http.server.long_name={'a' * 60},http.server.route={{}}"


def test_names_are_only_text(visitor: Callable[..., Visitor], shown: str) -> None:
    """A distribution of any name has its panel."""
    came = opened(visitor(), shown)
    for name in HOSTILE:
        expect(came.page.get_by_role("heading", name=name, exact=True, level=3)).to_have_count(1)
    assert came.page.title() != "owned"
    assert came.page.locator("img[src=x]").count() == 0


def test_a_run_without_any_loads_nothing_for_them(
    visitor: Callable[..., Visitor], shelf: Shelf
) -> None:
    """Neither modules nor data come, and the section is not there."""
    came = visitor().open({"page": "run", "project": "odd", "run": shelf.ids["single"]})
    came.sees("plain")
    came.page.wait_for_load_state("load")
    expect(came.page.get_by_role("heading", name="Distributions")).to_have_count(0)
    assert came.witness.asked("/ui/distribution") == []
    assert not [each for each in came.witness.asked("/api/runs") if "distributions" in each]


def test_a_project_of_distributions_alone(
    visitor: Callable[..., Visitor], shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page Metrics has no curves to show, and says where they are."""
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")
    with otel_trackio.init("spread", "alone", dir=shelf.dir) as run:
        run.log({"weights": Histogram([1, 2, 3])}, 0)
    came = visitor().open({"project": "spread"})
    came.sees("Distributions are on the page of each run")
    panel(opened(came, run.id, "spread"), "weights")


def test_a_run_that_goes_on_grows(
    visitor: Callable[..., Visitor], shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New columns come by themselves, also while one of them is read."""
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")
    with otel_trackio.init("growing", "going", dir=shelf.dir) as run:
        run.log({"weights": Histogram(weights(0))}, 0)
        came = visitor().open({"page": "run", "project": "growing", "run": run.id})
        group = panel(came, "weights").get_by_role("group")
        group.focus()
        group.press("Home")
        assert reading(came)["title"] == "step 0"
        for step in range(1, 4):
            run.log({"weights": Histogram(weights(step))}, step)
        expect(group).to_have_accessible_name(re.compile(r"^weights: 4 distributions"))
        assert reading(came)["title"] == "step 0"
        run.log({"later": Histogram([1, 2, 3])}, 4)
        panel(came, "later")


def test_the_theme_and_the_clock_are_followed(visitor: Callable[..., Visitor], shown: str) -> None:
    """The picture is drawn anew in the colours of the theme, and told by the clock."""
    came = opened(visitor(), shown)
    canvas = panel(came, "weights").locator("canvas")
    light = canvas.evaluate("canvas => canvas.toDataURL()")
    came.page.emulate_media(color_scheme="dark")
    until(lambda: differs(canvas, light), came.page)
    group = panel(came, "http.duration{" + ABOUT.format(ROUTES[0]) + "}").get_by_role("group")
    expect(group).to_have_accessible_name(re.compile(r": 1 distribution, [\d.]+ m?s\. "))
    came.button("Time of day").click()
    group.scroll_into_view_if_needed()  # The button may lie so far above that it was left.
    expect(group).to_have_accessible_name(re.compile(r": 1 distribution, \d{4}-\d\d-\d\d "))


def differs(canvas: Locator, before: str) -> None:
    assert canvas.evaluate("canvas => canvas.toDataURL()") != before


@pytest.mark.parametrize("page", ["metrics", "run"])
@pytest.mark.parametrize("options", [{}, {"viewport": PHONE}])
def test_titles_tell_metrics_of_one_name_apart(
    visitor: Callable[..., Visitor],
    shown: str,
    dashboard: Dashboard,
    options: dict[str, Any],
    page: str,
) -> None:
    """Below the name stands first what differs, and is not cut; all of it on hover."""
    came = visitor(dashboard, **options)
    came.open({"page": page, "project": "distributions", "run": shown})
    for route in ROUTES:
        head = came.page.get_by_role("heading", level=3).filter(
            has_text=re.compile(f"^http.requests http.server.route={route}, ")
        )
        expect(head).to_have_count(1)
        expect(head).to_have_attribute("title", re.compile("^http.requests{http.request.method"))
        assert head.evaluate(SEES, f"http.server.route={route},")
    assert came.overflow() <= 0


SEES: Final = """(head, text) => {
  const line = head.querySelector(".metric-about").firstChild;
  const range = document.createRange();
  range.setStart(line, line.data.indexOf(text));
  range.setEnd(line, line.data.indexOf(text) + text.length);
  const [inner, outer] = [range, line.parentElement].map((each) => each.getBoundingClientRect());
  return inner.bottom <= outer.bottom + 1 && inner.right <= outer.right + 1;
}"""
"""Whether a text in a line that may be cut is to be seen in full."""


def test_columns_tell_metrics_of_one_name_apart(
    visitor: Callable[..., Visitor], shown: str
) -> None:
    """In the heading of the table, and in the list of all columns."""
    keys = [f"http.requests{{{ABOUT.format(route)}}}" for route in ROUTES]
    came = visitor().open({"page": "runs", "project": "distributions"})
    came.button("Columns").click()
    for route in ROUTES:
        expect(came.page.get_by_text(f"route={route}", exact=True).last).to_be_visible()
    for key in keys:
        came.page.get_by_role("group", name=key).get_by_role("checkbox").first.set_checked(True)
    came.button("Done").click()
    for key, route in zip(keys, ROUTES, strict=True):
        head = came.page.get_by_role("columnheader").filter(has_text=f"route={route}")
        expect(head).to_have_text(f"http.requests last route={route}")
        assert head.evaluate(SEES, f"route={route}")
        expect(head.get_by_title(f"{key} last")).to_be_visible()

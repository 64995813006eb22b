"""What surrounds the pages: title, landmarks, connection, controls, and what a frame may show."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.space.browser.dashboard import Dashboard
from tests.space.browser.shelf import Shelf
from tests.space.browser.visitor import PHONE, TWO_FRAMES, Chart, Visitor, until

pytestmark = pytest.mark.xdist_group("browser")

EDITS: Final = re.compile("^(rename|edit|move|delete|new rule|save)", re.IGNORECASE)
"""How buttons begin that change or delete something that is stored."""

CHANGED: Final = {"runs": "Delete", "run": "Delete", "alerts": "New rule"}
"""Pages on which something can be changed, each with a button for it."""

SHOWN: Final[dict[str, str | re.Pattern[str]]] = {
    "metrics": "epoch",
    "runs": "digits-0.1-1",
    "run": "digits-0.1-0",
    "system": re.compile("hardware|system", re.IGNORECASE),
    "alerts": "loss is rising",
}
"""A text by which each page is known to have come."""


def of(page: str, shelf: Shelf) -> dict[str, str]:
    """The view of a page, with a run picked where that brings up what changes it."""
    id = shelf.ids["digits-0.1-0"]
    more = {"run": {"run": id}, "runs": {"picked": id}}.get(page, {})
    return {"project": "digits", "page": page, **more}


@pytest.mark.parametrize("page", ["metrics", "runs", "run", "system", "alerts"])
def test_an_embedded_page_changes_nothing(
    visitor: Callable[..., Visitor], shelf: Shelf, page: str
) -> None:
    """Anybody may frame it and steal a click, so no page of it has a button that edits."""
    came = visitor().open(of(page, shelf))
    came.is_live()
    if page in CHANGED:
        expect(came.button(CHANGED[page]).first).to_be_visible()
    with came.page.expect_response("**/api/about"):
        came.open({**of(page, shelf), "embed": "1"})
    came.sees(SHOWN[page])
    came.page.evaluate(TWO_FRAMES)
    expect(came.button(EDITS)).to_have_count(0)
    expect(came.page.get_by_role("navigation", name="Pages")).to_be_hidden()


def test_the_title_names_project_and_page(visitor: Callable[..., Visitor], shelf: Shelf) -> None:
    """Also after Gradio, which sets its own, has loaded; of a run it is the run's name."""
    came = visitor().open({"project": "digits"})
    expect(came.page).to_have_title("digits · Metrics · otel-trackio")
    came.page.evaluate("document.title = 'Gradio'")
    expect(came.page).to_have_title("digits · Metrics · otel-trackio")
    came.go("Runs")
    expect(came.page).to_have_title("digits · Runs · otel-trackio")
    came.open(of("run", shelf))
    expect(came.page).to_have_title("digits-0.1-0 · digits · otel-trackio")


def test_there_is_one_of_each_landmark(visitor: Callable[..., Visitor]) -> None:
    """Gradio's own page, which is empty, is not there for a screen reader."""
    came = visitor().open({"project": "digits"})
    came.is_live()
    for each in ("main", "banner", "navigation", "complementary"):
        expect(came.page.get_by_role(each)).to_have_count(1)


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[Dashboard]:
    """A server on an empty folder."""
    (tmp_path / "empty").mkdir()
    with Dashboard(tmp_path / "empty") as serving:
        yield serving


def test_a_phone_tells_of_the_connection(
    lonely: Dashboard, visitor: Callable[..., Visitor]
) -> None:
    """Live is a dot with a text for screen readers; that it is stale everybody can read."""
    came = visitor(lonely, viewport=PHONE).open()
    status = came.page.get_by_role("banner").get_by_role("status")
    expect(status).to_have_text("Live")
    assert width(came) < 40
    came.witness.allow("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "network error")
    lonely.kill()
    expect(status).to_have_text("Stale")
    until(lambda: wide(came), came.page)


def width(visitor: Visitor) -> float:
    box = visitor.page.get_by_role("banner").get_by_role("status").bounding_box()
    assert box is not None
    return box["width"]


def wide(visitor: Visitor) -> None:
    assert width(visitor) > 50


def test_an_empty_folder_says_how_to_begin(
    lonely: Dashboard, visitor: Callable[..., Visitor]
) -> None:
    """Lines to copy, and no controls of charts that are not there."""
    came = visitor(lonely).open()
    came.sees("No runs yet")
    came.sees("otel_trackio.init")
    expect(came.page.get_by_role("group", name="How charts are drawn")).to_be_hidden()


def test_options_open_and_close_by_keyboard(visitor: Callable[..., Visitor]) -> None:
    """Escape closes them and gives the focus back; so does going on to something else."""
    came = visitor().open({"project": "digits"})
    Chart(came, "train/loss").tells("12 lines")
    button = came.button("Options")
    envelope = came.button("Envelope")
    button.focus()
    button.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    came.page.keyboard.press("Tab")
    expect(came.button("Log x")).to_be_focused()
    came.page.keyboard.press("Escape")
    expect(envelope).to_be_hidden()
    expect(button).to_be_focused()
    button.press("Enter")
    expect(envelope).to_be_visible()
    came.page.get_by_role("searchbox", name="Filter metrics").focus()
    expect(envelope).to_be_hidden()


def test_a_phone_has_every_control(visitor: Callable[..., Visitor]) -> None:
    """In one row that leaves room for charts: the filter, and all else behind a button."""
    came = visitor(viewport=PHONE).open({"project": "digits"})
    chart = Chart(came, "train/loss")
    chart.tells("12 lines")
    bar = came.page.get_by_role("group", name="How charts are drawn")
    box = bar.bounding_box()
    assert box is not None
    assert box["height"] < 60
    expect(came.button("Log y")).to_be_hidden()
    came.button("Options").click()
    came.page.get_by_role("combobox", name="Lines").select_option("std")
    came.page.get_by_role("spinbutton", name="Smoothing: half-life in steps").fill("20")
    came.button("Log y").click()
    assert came.overflow() == 0
    chart.tells("1 line")

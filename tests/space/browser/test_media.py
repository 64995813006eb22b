"""Tables, images, texts and traces on the page of their run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest
from playwright.sync_api import expect

import otel_trackio
from otel_trackio import Image, Markdown, Table, Trace, layout
from tests.space.browser.shelf import HOSTILE, Shelf
from tests.space.browser.visitor import Visitor, until

pytestmark = pytest.mark.xdist_group("browser")

STEPS: Final = 5
ROWS: Final = 2_350
LONG: Final = "why? " * 100


def picture(red: int) -> Any:
    return np.full((8, 8, 3), (red, 0, 0), np.uint8)


@pytest.fixture(scope="module")
def shown(shelf: Shelf) -> str:
    """A run with something of everything; its id."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_TRACKIO_SILENT", "1")
        with otel_trackio.init("media", "shown", dir=shelf.dir) as run:
            for step in range(STEPS):
                images = [Image(picture(step), f"{name} of step {step}") for name in ("one", "two")]
                small = Table(["step", "odd"], [[step, float("nan")]])
                run.log({"loss": step, "pictures": images, "small": small}, step * 10)
            rows = [
                [n, f"answer {n}", LONG, Image(picture(n % 2), f"cell {n}")]
                for n in range(ROWS // 50)
            ]
            run.log({"pictured": Table(["n", "answer", "why", "seen"], rows)})
            run.log({"large": Table(["n", "text"], [[n, f"text {n}"] for n in range(ROWS)])})
            run.log({"report": Markdown("# Title\n<script>alert(1)</script>")})
            said = [
                {"role": "user", "content": "<b>2+2</b>"},
                {"role": "assistant", "content": LONG},
            ]
            run.log({"talk": Trace(said * 5, {"reward": 0.5})})
            run.log({name: Table([name], [[name]]) for name in HOSTILE})
    return run.id


@pytest.fixture
def page(visitor: Callable[..., Visitor], shown: str) -> Visitor:
    """Somebody who looks at it."""
    came: Visitor = visitor()
    came.open({"page": "run", "project": "media", "run": shown})
    expect(came.page.get_by_role("heading", name="shown", level=1)).to_be_visible()
    return came


def card(came: Visitor, key: str) -> Any:
    return came.page.get_by_role("region", name=key, exact=True)


def test_images_are_shown_by_step(page: Visitor) -> None:
    """All of the last step at first; the slider, by mouse or keyboard, chooses another."""
    pictures = card(page, "pictures")
    expect(pictures.get_by_role("img")).to_have_count(2)
    expect(pictures.get_by_text("one of step 4")).to_be_visible()
    expect(pictures.get_by_text("step 40", exact=True)).to_be_visible()
    slider = pictures.get_by_role("slider")
    slider.focus()
    slider.press("Home")
    expect(pictures.get_by_text("two of step 0")).to_be_visible()
    expect(slider).to_have_attribute("aria-valuetext", "step 0")
    slider.press("ArrowRight")
    image = pictures.get_by_role("img", name="one of step 1")
    image.scroll_into_view_if_needed()
    until(lambda: loaded(image), page.page)


def loaded(image: Any) -> None:
    assert image.evaluate("image => [image.complete, image.naturalWidth]") == [True, 8]


def test_a_large_table_is_shown_by_the_page(page: Visitor) -> None:
    """So many rows at a time, forward and back; as far as there are any."""
    large = card(page, "large")
    expect(large.get_by_text("Rows 1 to 100 of 2,350")).to_be_visible()
    expect(large.get_by_text("text 0", exact=True)).to_be_visible()
    expect(large.get_by_role("button", name="Previous rows")).to_be_disabled()
    for _ in range(23):
        large.get_by_role("button", name="Next rows").click()
    expect(large.get_by_text("Rows 2,301 to 2,350 of 2,350")).to_be_visible()
    expect(large.get_by_text("text 2300", exact=True)).to_be_visible()
    expect(large.get_by_role("button", name="Next rows")).to_be_disabled()
    large.get_by_role("button", name="Previous rows").click()
    expect(large.get_by_text("Rows 2,201 to 2,300 of 2,350")).to_be_visible()


def test_a_row_is_shown_in_full(page: Visitor) -> None:
    """With texts that take more than a line, and images of its cells."""
    pictured = card(page, "pictured")
    pictured.get_by_role("button", name="Show row 2", exact=True).press("Enter")
    detail = pictured.locator(".record-detail")
    expect(detail.get_by_role("heading", name="Row 2")).to_be_visible()
    expect(detail.get_by_text(LONG.strip())).to_be_visible()
    image = detail.get_by_role("img", name="cell 1")
    image.scroll_into_view_if_needed()
    until(lambda: loaded(image), page.page)


def test_a_small_table_follows_the_slider(page: Visitor) -> None:
    """What is no number reads as that, and nothing reads as something else."""
    small = card(page, "small")
    expect(small.get_by_text("NaN")).to_be_visible()
    small.get_by_role("slider").fill("2")
    until(
        lambda: page.table("Rows of small") == [{"Row": "1", "step": "2", "odd": "NaN"}], page.page
    )


def test_texts_and_traces_are_text(page: Visitor) -> None:
    """No markup of theirs is any; what happened beside a conversation is there when asked for."""
    report = card(page, "report")
    expect(report.get_by_text("<script>alert(1)</script>")).to_be_visible()
    talk = card(page, "talk")
    expect(talk.get_by_text("<b>2+2</b>").first).to_be_visible()
    expect(talk.get_by_text("assistant").first).to_be_visible()
    talk.get_by_text("Metadata").click()
    expect(talk.get_by_text("reward")).to_be_visible()


def test_names_that_mean_harm_are_names(page: Visitor) -> None:
    """Of tables, of columns and in cells."""
    for name in HOSTILE:
        expect(card(page, name).get_by_role("heading", name=name, exact=True)).to_be_visible()
    assert page.page.title() != "owned"


def test_nobody_is_kept_from_using_it(page: Visitor) -> None:
    """Axe finds nothing serious, and a phone shows all of it without moving sideways."""
    expect(card(page, "large").get_by_text("Rows 1 to 100 of 2,350")).to_be_visible()
    assert page.faults() == []
    page.page.set_viewport_size({"width": 390, "height": 844})
    until(lambda: page.overflow() <= 0 or 1 / 0, page.page)


def test_what_is_logged_shows_up(visitor: Callable[..., Visitor], shelf: Shelf) -> None:
    """By itself; who looks at the last step goes along, who looks at another stays there."""
    with otel_trackio.init("media", "live", dir=shelf.dir) as run:
        for step, name in enumerate(("first", "second")):
            run.log({key: Image(picture(step), name) for key in "ij"}, step)
        came = visitor()
        came.open({"page": "run", "project": "media", "run": run.id})
        expect(card(came, "i").get_by_text("second")).to_be_visible()
        card(came, "j").get_by_role("slider").fill("0")
        expect(card(came, "j").get_by_text("first")).to_be_visible()
        run.log({key: Image(picture(2), "third") for key in "ij"}, 2)
        expect(card(came, "i").get_by_text("third")).to_be_visible()
        expect(card(came, "j").get_by_role("slider")).to_have_attribute("max", "2")
        expect(card(came, "j").get_by_text("first")).to_be_visible()


def test_a_file_that_is_gone_is_told(visitor: Callable[..., Visitor], shelf: Shelf) -> None:
    """An image and the rows of a table whose files somebody removed."""
    with otel_trackio.init("media", "gone", dir=shelf.dir) as run:
        run.log({"i": Image(picture(9), "lost"), "t": Table(["n"], [[n] for n in range(9_000)])})
    folder = layout.files_dir(layout.run_dir(shelf.dir, run.id))
    for path in folder.iterdir():
        path.unlink()
    came = visitor()
    came.witness.allow("404", "Failed to load resource")
    came.open({"page": "run", "project": "media", "run": run.id})
    expect(card(came, "t").get_by_text("The rows cannot be shown")).to_be_visible()
    card(came, "i").scroll_into_view_if_needed()
    expect(card(came, "i").get_by_text("The file of this image is not here")).to_be_visible()

"""Everybody can use every page: by screen reader, by keyboard, in the dark, on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import ViewportSize, expect

from tests.space.browser.shelf import Shelf
from tests.space.browser.visitor import PHONE, WIDE, Visitor

pytestmark = pytest.mark.xdist_group("browser")

PAGES = {
    "metrics": ({"project": "digits"}, "epoch"),
    "groups": ({"project": "digits", "group": "group", "lines": "std", "logy": "1"}, "epoch"),
    "odd": ({"project": "odd"}, "special"),
    "runs": ({"project": "digits", "page": "runs"}, "digits-0.1-0"),
    "scatter": ({"project": "digits", "page": "runs", "scatter": "config:lr,run:points"}, "lr"),
    "run": ({"project": "digits", "page": "run", "run": "digits-0.1-0"}, "digits-0.1-0"),
    "system": ({"project": "hardware", "page": "system"}, "hw.temperature"),
    "alerts": ({"project": "digits", "page": "alerts"}, "loss is rising"),
    "nothing": ({"project": "there is none"}, "There is no project of this name"),
}
"""Views, and a text by which each is known to have come."""

SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")


def shown(visitor: Visitor, shelf: Shelf, name: str) -> None:
    """Opens one of the pages, and waits until it is there."""
    view, text = PAGES[name]
    if "run" in view:
        view = {**view, "run": shelf.ids[view["run"]]}
    visitor.open(view)
    visitor.sees(text)
    visitor.is_live()


@pytest.mark.parametrize("window", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_bars_anybody(
    visitor: Callable[..., Visitor], shelf: Shelf, name: str, window: ViewportSize
) -> None:
    """In the light and in the dark: no serious finding of axe, and nothing beyond the window."""
    came = visitor()
    came.page.set_viewport_size(window)
    shown(came, shelf, name)
    for scheme in SCHEMES:
        came.page.emulate_media(color_scheme=scheme)
        assert came.faults() == []
        assert came.overflow() == 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_page_is_as_the_system_is(visitor: Callable[..., Visitor], scheme: Any) -> None:
    """Dark where the system is dark, unless another theme was chosen, which the address keeps."""
    came = visitor(color_scheme=scheme).open({"project": "digits", "page": "runs"})
    came.sees("digits-0.1-0")
    assert is_dark(came) == (scheme == "dark")
    other = "light" if scheme == "dark" else "dark"
    came.open({"project": "digits", "page": "runs", "theme": other})
    came.sees("digits-0.1-0")
    assert is_dark(came) == (other == "dark")


def is_dark(visitor: Visitor) -> bool:
    """Whether what stands behind the page is darker than its text."""
    script = """() => {
      const light = colour => colour.match(/[\\d.]+/g).slice(0, 3).reduce((a, b) => a + +b, 0);
      const style = getComputedStyle(document.querySelector('[data-theme]'));
      return light(style.backgroundColor) < light(style.color);
    }"""
    return bool(visitor.page.evaluate(script))


def test_the_first_key_skips_to_the_content(visitor: Callable[..., Visitor]) -> None:
    """Somebody with a keyboard need not pass every run before the charts."""
    came = visitor().open({"project": "digits"})
    came.sees("digits-0.1-0")
    came.page.keyboard.press("Tab")
    link = came.page.get_by_role("link", name=re.compile("Skip"))
    expect(link).to_be_focused()
    came.page.keyboard.press("Enter")
    assert came.page.evaluate("document.activeElement.tagName") == "MAIN"


def test_every_control_has_a_name(visitor: Callable[..., Visitor]) -> None:
    """No button, box, list or field is without one."""
    came = visitor().open({"project": "digits"})
    came.sees("epoch")
    nameless = came.page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, a[href], [role=button]')]
          .filter(each => each.checkVisibility() && !each.innerText?.trim() && !each.ariaLabel
            && !each.labels?.length && !each.title && !each.getAttribute('aria-labelledby'))
          .map(each => each.outerHTML.slice(0, 200))"""
    )
    assert nameless == []


def test_motion_is_reduced_where_that_is_asked_for(visitor: Callable[..., Visitor]) -> None:
    """Nothing moves by itself then."""
    came = visitor(reduced_motion="reduce").open({"project": "digits"})
    came.sees("epoch")
    moving = came.page.evaluate(
        "() => document.getAnimations().filter(each => each.playState === 'running')"
        ".map(each => each.effect.target.outerHTML.slice(0, 100))"
    )
    assert moving == []

"""Names that mean harm are shown as they are, everywhere, and do nothing."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from tests.space.browser.shelf import HOSTILE, Shelf
from tests.space.browser.visitor import Visitor, until

pytestmark = pytest.mark.xdist_group("browser")

PAGES = ("metrics", "runs", "alerts", "system")


def inert(visitor: Visitor) -> None:
    """Asserts that no name has become markup or code, or asked for anything."""
    page = visitor.page
    assert page.title() != "owned"
    assert page.locator("img[src=x]").count() == 0
    assert page.locator("script").filter(has_text="owned").count() == 0
    assert visitor.witness.asked("/x") == []
    assert not [each for each in visitor.witness.asked() if "passwd" in each.partition("?")[0]]


@pytest.mark.parametrize("name", PAGES)
def test_names_are_text(visitor: Callable[..., Visitor], name: str) -> None:
    """Runs, groups, tags, configs, metrics and alerts with such names: each page shows them."""
    came = visitor().open({"project": "hostile", "page": name, "group": "group", "legend": "1"})
    if name != "system":
        came.sees(HOSTILE[0])
    came.page.wait_for_load_state("networkidle") if name == "system" else None
    inert(came)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_project_of_any_name_opens(visitor: Callable[..., Visitor], name: str) -> None:
    """From the list of projects, and by an address."""
    came = visitor().open({"project": "digits"})
    number = HOSTILE.index(name)
    projects = came.page.get_by_role("combobox", name="Project")
    until(lambda: projects.select_option(value=name, timeout=1_000), came.page)
    came.sees(f"alone {number}")
    inert(came)
    came.open(urlencode({"project": name, "page": "runs"}))
    came.sees(f"alone {number}")
    inert(came)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_run_of_any_name_opens(visitor: Callable[..., Visitor], shelf: Shelf, name: str) -> None:
    """Its page shows its name, notes, tags, config, summary and alert."""
    came = visitor().open({"project": "hostile", "page": "run", "run": shelf.ids[name]})
    came.sees(name)
    inert(came)


@pytest.mark.parametrize("value", HOSTILE[:3], ids=range(3))
def test_an_address_of_any_content_is_harmless(visitor: Callable[..., Visitor], value: str) -> None:
    """What a link says is a question, and never code."""
    fields = ("run", "filter", "metrics", "group", "x", "pin", "theme", "lines", "page", "sort")
    came = visitor().open({"project": "digits", **dict.fromkeys(fields, value)})
    came.is_live()
    inert(came)

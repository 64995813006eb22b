"""A dashboard that asks for a token, as beyond this machine, and one that nobody may change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.space.browser.dashboard import Dashboard
from tests.space.browser.shelf import Shelf
from tests.space.browser.visitor import Visitor

pytestmark = pytest.mark.xdist_group("browser")

TOKEN: Final = "a-token-for-this-test-only"


@pytest.fixture
def recorded(own: Shelf) -> Shelf:
    with own.run("private", "one") as book:
        book.log({"loss": 1}, 0)
    return own


def test_the_token_leaves_the_address(visitor: Callable[..., Visitor], recorded: Shelf) -> None:
    """Without it there is nothing to see; with it all works, and no link has it."""
    with Dashboard(recorded.dir, env={"OTEL_TRACKIO_TOKEN": TOKEN}) as server:
        came = visitor(server, locale="en")
        came.witness.allow("401")
        came.open({"project": "private", "page": "runs"})
        came.sees("this dashboard asks for its token")
        came.open({"project": "private", "page": "runs", "token": "wrong-but-long-enough"})
        came.sees("this dashboard asks for its token")
        came.open({"project": "private", "page": "runs", "token": TOKEN})
        came.sees("one")
        came.is_live()
        assert "token" not in came.query
        assert TOKEN not in came.page.content()
        came.page.reload()
        came.is_live()
        came.page.close()


def test_a_dashboard_that_nobody_may_change(
    visitor: Callable[..., Visitor], recorded: Shelf
) -> None:
    """Nothing is offered that would be refused."""
    with Dashboard(recorded.dir, "--read-only") as server:
        came = visitor(server).open({"project": "private", "page": "runs"})
        came.page.get_by_role("checkbox", name="Select one").check()
        expect(came.button("Compare configs")).to_be_visible()
        for name in ("Rename", "Edit tags", "Move", "Delete"):
            expect(came.button(name)).to_have_count(0)
        came.go("Alerts")
        expect(came.button("New rule")).to_be_hidden()
        came.page.close()

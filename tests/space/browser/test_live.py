"""What happens while one looks: training goes on, ends, dies; the server goes, and comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from tests.e2e.puppet import Puppet
from tests.space.browser.dashboard import Dashboard
from tests.space.browser.shelf import Shelf
from tests.space.browser.visitor import Visitor, until

pytestmark = pytest.mark.xdist_group("browser")

QUIET: Final = 3_000
"""Milliseconds in which an idle page must send nothing."""

PAGE = {"page": "runs", "project": "live"}


def state(visitor: Visitor, name: str, expected: str) -> None:
    """Waits until the table says how a run is doing."""

    def says() -> None:
        rows = {row["Run"]: row["State"] for row in visitor.table()}
        assert rows[name] == expected

    until(says, visitor.page)


def step(visitor: Visitor, name: str, expected: str) -> None:
    """Waits until the table says how far a run has come."""

    def says() -> None:
        rows = {row["Run"]: row["Step"] for row in visitor.table()}
        assert rows[name] == expected

    until(says, visitor.page)


def test_a_run_is_followed_to_its_end(
    visitor: Callable[..., Visitor], trainee: Callable[..., Puppet]
) -> None:
    """It appears by itself, its last step grows, and then it is finished."""
    first, second = trainee(), trainee()
    first.init("live", run_name="first")
    first.log(0, 10)
    came = visitor().open(PAGE)
    step(came, "first", "9")
    state(came, "first", "running")
    first.log(10, 20)
    step(came, "first", "19")
    second.init("live", run_name="second")
    second.log(0, 5)
    step(came, "second", "4")
    first.finish()
    state(came, "first", "finished")
    second.finish(exit_code=1)
    state(came, "second", "failed")


def test_a_killed_run_turns_to_crashed(
    visitor: Callable[..., Visitor], trainee: Callable[..., Puppet]
) -> None:
    """Nobody needs to reload for that."""
    process = trainee()
    process.init("live", run_name="doomed")
    process.log(0, 10)
    came = visitor().open(PAGE)
    state(came, "doomed", "running")
    process.kill()
    state(came, "doomed", "crashed")
    step(came, "doomed", "9")


def test_pages_send_nothing_while_nothing_happens(visitor: Callable[..., Visitor]) -> None:
    """Open and quiet, each holds one stream, and asks for nothing."""
    names = ("metrics", "runs", "alerts", "system")
    came = [visitor().open({"page": name, "project": "digits"}) for name in names]
    for each in came:
        each.is_live()
    came[0].page.wait_for_timeout(QUIET)
    before = [each.witness.asked() for each in came]
    came[0].page.wait_for_timeout(QUIET)
    assert [each.witness.asked() for each in came] == before
    assert [len(each.witness.asked("/api/stream")) for each in came] == [1, 1, 1, 1]


def test_a_hidden_page_follows_nothing(
    visitor: Callable[..., Visitor], trainee: Callable[..., Puppet]
) -> None:
    """What happens meanwhile is caught up with once somebody looks again."""
    process = trainee()
    process.init("hidden", run_name="behind")
    process.log(0, 10)
    came = visitor().open({**PAGE, "project": "hidden"})
    step(came, "behind", "9")
    hide(came, True)
    came.sees("Paused")
    before = came.witness.asked("/api")
    process.log(10, 30)
    came.page.wait_for_timeout(QUIET)
    assert came.witness.asked("/api") == before
    hide(came, False)
    step(came, "behind", "29")


def hide(visitor: Visitor, hidden: bool) -> None:
    """A browser without a screen hides no tab, so the page is told that it is."""
    visitor.page.evaluate(
        """hidden => {
          Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
          document.dispatchEvent(new Event('visibilitychange'));
        }""",
        hidden,
    )


def test_a_server_that_comes_back_is_found(
    visitor: Callable[..., Visitor], own: Shelf, trainee: Callable[..., Puppet]
) -> None:
    """The page says that it is stale, and catches up by itself."""
    process = trainee(own.dir)
    process.init("live", run_name="patient")
    process.log(0, 10)
    with Dashboard(own.dir) as server:
        came = visitor(server).open(PAGE)
        step(came, "patient", "9")
        came.witness.allow("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE")
        server.stop()
        came.sees("Stale")
        process.log(10, 20)
        server.start(server.port)
        step(came, "patient", "19")
        came.sees("Live")


def test_the_server_stops_with_a_page_open(visitor: Callable[..., Visitor], own: Shelf) -> None:
    """Ctrl-C ends it, though a stream is open; nothing is printed of that."""
    with own.run("live", "short") as book:
        book.log({"loss": 1}, 0)
    with Dashboard(own.dir) as server:
        came = visitor(server).open(PAGE)
        came.sees("short")
        came.is_live()
        came.witness.allow("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE")
        assert server.stop() == 0
        assert "Traceback" not in "".join(server.said)

"""Alerts of runs, and rules that watch metrics while the server runs."""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.puppet import Puppet
from tests.space.browser.shelf import Shelf
from tests.space.browser.visitor import Visitor, until

pytestmark = pytest.mark.xdist_group("browser")


class Receiver:
    """Takes what webhooks send, on this machine."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        got = self.got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                got.append(json.loads(self.rfile.read(length)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def test_alerts_are_listed_and_lead_to_their_place(visitor: Callable[..., Visitor]) -> None:
    """Level, title, text, run and step; filtered by words and by level."""
    came = visitor().open({"page": "alerts", "project": "digits"})
    alert = came.page.get_by_role("article").filter(has_text="loss is rising")
    for text in ("error", "it was 0.1 before", "digits-1-2", "step 600"):
        expect(alert).to_contain_text(text)
    came.page.get_by_role("combobox", name="Level").select_option("info")
    came.sees("No alert matches")
    came.page.get_by_role("combobox", name="Level").select_option("error")
    came.page.get_by_role("searchbox", name="Filter alerts").fill("rising")
    alert.get_by_role("link", name="Show in charts").click()
    came.sees("train/loss")
    assert "lo=540" in came.query


def rule(visitor: Visitor, key: str, kind: str, **fields: str) -> None:
    """Makes a rule by its form."""
    visitor.button("New rule").click()
    dialog = visitor.page.get_by_role("dialog", name="New rule")
    dialog.get_by_label("Metrics").fill(key)
    dialog.get_by_label("When it").select_option(label=kind)
    for label, value in fields.items():
        box = dialog.get_by_label(label)
        if label in ("Level", "Form"):
            box.select_option(value)
        else:
            box.fill(value)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()


def told(visitor: Visitor, text: str) -> Locator:
    """Waits for the alert of a rule."""
    alert = visitor.page.get_by_role("article").filter(has_text=text).filter(has_text="by a rule")
    expect(alert.first).to_be_visible()
    return alert.first


@pytest.fixture
def project(shelf: Shelf, request: pytest.FixtureRequest) -> str:
    """A project of the test's own, since rules belong to one."""
    return f"rules {request.node.name}"


def test_a_rule_tells_of_a_limit_as_data_arrives(
    visitor: Callable[..., Visitor],
    trainee: Callable[..., Puppet],
    receiver: Receiver,
    project: str,
) -> None:
    """The page shows it by itself, and the webhook is told, once."""
    process = trainee()
    run_id = process.init(project, run_name="rising")
    process.do("metrics", {"loss": 1.0}, 0)
    came = visitor().open({"page": "alerts", "project": project})
    rule(came, "lo*", "is above", Limit="5", Webhook=receiver.url, Level="error")
    process.do("metrics", {"loss": 7.5}, 1)
    alert = told(came, "rising")
    expect(alert).to_contain_text("error")
    expect(alert).to_contain_text("step 1")
    until(lambda: one(receiver), came.page)
    assert run_id in json.dumps(receiver.got)


def one(receiver: Receiver) -> None:
    assert len(receiver.got) == 1


def test_a_rule_tells_of_nan(
    visitor: Callable[..., Visitor], trainee: Callable[..., Puppet], project: str
) -> None:
    """A loss that is no number any more."""
    process = trainee()
    process.init(project, run_name="diverges")
    process.do("metrics", {"loss": 1.0}, 0)
    came = visitor().open({"page": "alerts", "project": project})
    rule(came, "loss", "is NaN or infinite")
    process.do("metrics", {"loss": math.nan}, 1)
    told(came, "diverges")


def test_a_rule_tells_of_silence(
    visitor: Callable[..., Visitor], trainee: Callable[..., Puppet], project: str
) -> None:
    """A run that lives, and logs no more."""
    process = trainee()
    process.init(project, run_name="hangs")
    process.do("metrics", {"loss": 1.0}, 0)
    came = visitor().open({"page": "alerts", "project": project})
    rule(came, "loss", "gets no data for", Seconds="5")
    told(came, "hangs")


def test_rules_are_changed_and_deleted(
    visitor: Callable[..., Visitor], project: str, own: Shelf, shelf: Shelf
) -> None:
    """What is saved is shown again after a reload."""
    with shelf.run(project, "quiet") as book:
        book.log({"loss": 1}, 0)
    came = visitor().open({"page": "alerts", "project": project})
    rule(came, "loss", "is below", Limit="0.5")
    came.page.reload()
    item = came.page.get_by_role("listitem").filter(has_text="is below 0.5")
    item.get_by_role("button", name=re.compile("Edit")).click()
    dialog = came.page.get_by_role("dialog", name="Edit rule")
    dialog.get_by_label("Limit").fill("0.25")
    dialog.get_by_role("button", name="Save").click()
    came.sees("is below 0.25")
    came.button(re.compile("Delete the rule")).click()
    came.page.get_by_role("dialog").get_by_role("button", name="Delete rule").click()
    came.sees(re.compile("^None. A rule watches"))

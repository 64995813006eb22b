"""Webhooks: who is told of what rules find, and how that fares."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

import otel_trackio
from otel_trackio import ConfigError
from otel_trackio_space import webhook
from otel_trackio_space.webhook import Webhooks
from tests.space.browser.dashboard import Dashboard
from tests.space.receiver import Receiver
from tests.space.ruled import MARK, NAN, put, settled, stands
from tests.space.serving import failure, served, until


def test_a_webhook_gets_json(client: httpx.Client, dir: Path, project: str) -> None:
    """All that is known of what was found, with exact values as text."""
    with Receiver() as receiver:
        rule = {"key": "loss", "kind": "nan", "level": "error", "webhook": receiver.url}
        [kept] = put(client, project, rule)
        with otel_trackio.init(project, "one", dir=dir) as run:
            run.log({"loss": float("inf")}, 3)
            [got] = until(lambda: receiver.got)
        assert got.pop("time") > 0
        assert got == {
            "source": "otel-trackio",
            "rule": kept["id"],
            "project": project,
            "run": run.id,
            "name": "one",
            "key": "loss",
            "rank": 0,
            "step": 3,
            "value": "Infinity",
            "level": "error",
            "title": "loss is not finite",
            "text": "Infinity at step 3",
        }
        until(lambda: stands(client, project)["deliveries"][kept["id"]]["sent"] == 1)


def test_slack_gets_a_line(client: httpx.Client, dir: Path, project: str) -> None:
    """In which no name of a run can call a channel."""
    with Receiver() as receiver:
        rule = {"key": "*", "kind": "above", "value": 1, "webhook": receiver.url, "form": "slack"}
        put(client, project, rule)
        with otel_trackio.init(project, "<!channel> & co", dir=dir) as run:
            run.log({"loss": 2.5}, 3)
            [got] = until(lambda: receiver.got)
    line = f"warn: {project}/&lt;!channel&gt; &amp; co: loss is above 1 (2.5 at step 3)"
    assert got == {"text": line}


def test_a_webhook_is_tried_again(client: httpx.Client, dir: Path, project: str) -> None:
    """Where that may help, and not where it was refused for good; failures are shown."""
    with Receiver(503, 200) as busy, Receiver(404) as gone, Receiver(302) as moved:
        rules = put(
            client,
            project,
            *({"key": "loss", "kind": "nan", "webhook": each.url} for each in (busy, gone, moved)),
        )
        with otel_trackio.init(project, "one", dir=dir) as run:
            run.log({"loss": NAN})

        def deliveries() -> list[Any]:
            known = stands(client, project)["deliveries"]
            return [known[each["id"]] for each in rules]

        until(lambda: all(each["sent"] + each["failed"] for each in deliveries()))
        ours, theirs, third = deliveries()
        assert (ours["sent"], ours["error"], len(busy.got)) == (1, "", 2)
        assert (theirs["failed"], theirs["error"]) == (1, "127.0.0.1 answered 404")
        assert (third["failed"], third["error"]) == (1, "127.0.0.1 answered 302")
        assert (len(gone.got), len(moved.got)) == (1, 1)


def test_a_webhook_that_hangs_holds_nobody_up(
    client: httpx.Client, dir: Path, project: str
) -> None:
    """Others are told meanwhile, the page answers, and what is new is found."""
    end = threading.Event()
    with Receiver(wait=end.wait) as slow, Receiver() as quick:
        rules = [{"key": "loss", "kind": "nan", "webhook": each.url} for each in (slow, quick)]
        put(client, project, *rules, MARK)
        with otel_trackio.init(project, "one", dir=dir) as run:
            run.log({"loss": NAN})
            until(lambda: slow.got and quick.got)
            assert len(settled(client, project, run)) == 2
        end.set()


def test_the_address_of_a_webhook_is_a_secret(
    client: httpx.Client, dashboard: Dashboard, dir: Path, project: str
) -> None:
    """Neither answers nor logs have more of it than the host; what is masked can be put back."""
    with Receiver() as receiver:
        [rule] = put(client, project, {"key": "loss", "kind": "nan", "webhook": receiver.url})
        assert rule["webhook"] == receiver.url.partition("/services")[0] + "/..."
        put(client, project, {**rule, "key": "l*"})
        with otel_trackio.init(project, "one", dir=dir) as run:
            run.log({"loss": NAN})
            until(lambda: receiver.got)
        assert receiver.paths == ["/services/T0/B0/a-secret"]
        until(lambda: stands(client, project)["deliveries"][rule["id"]]["sent"])
        assert "a-secret" not in client.get("/api/rules", params={"project": project}).text
        assert "a-secret" not in "".join(dashboard.said)


def test_a_log_does_not_show_the_address(caplog: pytest.LogCaptureFixture) -> None:
    """Not even the client's own, which has whole addresses of others."""
    caplog.set_level("DEBUG")
    with Receiver() as receiver:
        hooks = Webhooks()
        try:
            hooks.send("r", receiver.url, {"a": 1})
            until(lambda: hooks.delivery("r").sent)
            httpx.post(receiver.url, json={}, trust_env=False)
        finally:
            hooks.close()
    assert caplog.text.count("a-secret") == 1


def test_so_many_are_sent_a_minute() -> None:
    """The others are counted as held back."""
    with Receiver() as receiver:
        hooks = Webhooks()
        try:
            for number in range(webhook.MOST_A_MINUTE + 5):
                hooks.send("r", receiver.url, {"n": number})
            until(lambda: hooks.delivery("r").sent == webhook.MOST_A_MINUTE)
        finally:
            hooks.close()
    assert hooks.delivery("r").held == 5
    assert len({each["n"] for each in receiver.got}) == webhook.MOST_A_MINUTE


def test_the_end_does_not_wait_for_a_webhook() -> None:
    """What hangs is given up."""
    end = threading.Event()
    with Receiver(wait=end.wait) as receiver:
        hooks = Webhooks()
        hooks.send("r", receiver.url, {})
        until(lambda: receiver.got)
        hooks.close()
        end.set()


@pytest.mark.parametrize(
    "url", ["https://example.com/x", "http://127.0.0.1:9/x", "http://localhost/", "http://[::1]/"]
)
def test_addresses_that_may_be_told(url: str) -> None:
    """Secure ones, and those of this machine."""
    webhook.check(url)


def test_others_have_to_be_allowed() -> None:
    """In the clear to another machine only if the server's starter says so."""
    with pytest.raises(ConfigError, match="OTEL_TRACKIO_WEBHOOK_HTTP=1"):
        webhook.check("http://10.0.0.1/x")
    webhook.check("http://10.0.0.1/x", plain=True)


def test_what_is_masked_is_no_address(client: httpx.Client, project: str) -> None:
    """Only the rule that had the address can have it back."""
    rule = {"key": "loss", "kind": "nan", "webhook": "https://hooks.example/..."}
    answer = client.put("/api/rules", json={"project": project, "rules": [rule]})
    assert failure(answer) == (422, "a webhook is masked")
    assert "again" in answer.json()["hint"]
    assert stands(client, project)["rules"] == []


@pytest.mark.parametrize(
    ("url", "shown", "why"),
    [
        ("http://[", "/...", "a webhook is no address"),
        ("http://203.0.113.7/x", "http://203.0.113.7/...", "is sent to 203.0.113.7 in the clear"),
    ],
)
def test_addresses_written_by_hand_are_judged_too(
    url: str, shown: str, why: str, tmp_path: Path
) -> None:
    """Before anything is sent; the page shows what is wrong."""
    rule = {"id": "mine", "key": "loss", "kind": "nan", "webhook": url}
    (tmp_path / "rules.json").write_text(json.dumps({"format": 1, "projects": {"p": [rule]}}))
    with served(tmp_path) as client:
        assert [each["webhook"] for each in stands(client, "p")["rules"]] == [shown]
        with otel_trackio.init("p", "one", dir=tmp_path) as run:

            def failed() -> bool:
                run.log({"loss": NAN})  # What was there at its first look is passed over.
                return bool(stands(client, "p")["deliveries"]["mine"]["failed"])

            until(failed)
        assert why in stands(client, "p")["deliveries"]["mine"]["error"]

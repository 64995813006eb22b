"""The dashboard as programs ask it: a process of its own, and a client of its HTTP API."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.space.browser.dashboard import PATIENCE, Dashboard

T = TypeVar("T")


@contextmanager
def served(
    dir: Path, *options: str, env: Mapping[str, str] | None = None, **client: Any
) -> Iterator[httpx.Client]:
    """A client of a server on a folder."""
    with Dashboard(dir, *options, env=env) as dashboard, client_of(dashboard, **client) as found:
        yield found


def client_of(dashboard: Dashboard, **client: Any) -> httpx.Client:
    """As a program, no browser, that uses no proxy."""
    return httpx.Client(base_url=dashboard.address, timeout=PATIENCE, trust_env=False, **client)


def until(found: Callable[[], T], why: str = "") -> T:
    """What `found` returns as soon as it is true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError(why or "it did not come")


def failure(answer: httpx.Response) -> tuple[int, str]:
    """The status and what is wrong; every failure has a form, and says so in JSON."""
    document = answer.json()
    assert set(document) == {"error", "hint"}, document
    return answer.status_code, document["error"]

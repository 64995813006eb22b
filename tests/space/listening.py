"""Server-sent events as a program reads them."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import httpx

from tests.space.browser.dashboard import PATIENCE


@dataclass(frozen=True, slots=True)
class Event:
    id: str
    data: dict[str, Any]


class Listening:
    """A stream that is read, on a thread of its own, until the end of the block."""

    def __init__(self, client: httpx.Client, headers: dict[str, str] | None = None, **params: Any):
        self._client = client
        self._options: dict[str, Any] = {"params": params, "headers": headers or {}}
        self._events: queue.Queue[Event] = queue.Queue()
        self._open = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._answer: httpx.Response | None = None
        self.ended = False

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._open.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._answer is not None
        self._answer.close()

    def until(self, wanted: Callable[[Event], bool]) -> list[Event]:
        """The events up to the first that is wanted."""
        found: list[Event] = []
        end = time.monotonic() + PATIENCE
        while not found or not wanted(found[-1]):
            found.append(self._events.get(timeout=max(end - time.monotonic(), 0)))
        return found

    def pending(self) -> list[Event]:
        """The events that have come and were not asked for."""
        found = []
        while not self._events.empty():
            found.append(self._events.get())
        return found

    def _read(self) -> None:
        try:
            with self._client.stream("GET", "/api/stream", **self._options) as self._answer:
                assert self._answer.status_code == 200
                fields: dict[str, str] = {}
                for line in self._answer.iter_lines():
                    self._open.set()  # The first line comes at once.
                    if line:
                        name, _, value = line.partition(": ")
                        fields[name] = value
                    elif fields.get("event") == "change":
                        self._events.put(Event(fields["id"], json.loads(fields["data"])))
                    if not line:
                        fields = {}
        except (httpx.HTTPError, httpx.StreamError, OSError):
            pass  # The block or the server has ended.
        self.ended = True

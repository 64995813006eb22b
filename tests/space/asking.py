"""The dashboard's app asked in this process, by the HTTP client that programs use."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI

from otel_trackio_space.app import build
from otel_trackio_space.shelf import Shelf

T = TypeVar("T")


def aside(main: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns, run on a thread: a browser's loop may be running on this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, main).result()


class Asking:
    """Each question is answered before the next is asked. Closes its files with the block."""

    def __init__(self, dir: Path) -> None:
        self.shelf = Shelf(dir)
        self.app: FastAPI = build(self.shelf)

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *_: object) -> None:
        self.shelf.close()

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def sending() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as found:
                return await found.request(method, path, **options)

        return aside(sending())

    def get(self, path: str, **params: Any) -> Any:
        """The document at a path. Fails where there is none."""
        answer = self.send("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def charts(self, project: str, *keys: str, **asked: Any) -> dict[str, Any]:
        """Charts by key."""
        answer = self.send("POST", "/api/series", json={"project": project, "keys": keys, **asked})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["charts"]
        return found

    def chart(self, project: str, key: str, **asked: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.charts(project, key, **asked)[key]
        return found

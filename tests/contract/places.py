"""Where the remotes of the contract lie, and what tests put there."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from otel_trackio.bucket import HubBucket
from otel_trackio.hub import HubDataset
from otel_trackio.remote import Card, Entry, Folder, Remote
from tests.contract.visitor import noise
from tests.fakes.hub import Hub

ON_THE_HUB = ("regular", "lfs", "xet", "bucket")
"""A dataset in each mode of uploading, and a bucket."""

NAME = "alice/metrics"
CARD = b"---\ntags:\n- otel-trackio\n---\n# Metrics\n"


def plain_card(url: str) -> bytes:
    """One that is the same everywhere."""
    return CARD


ABSENT = "data/v1/absent.parquet"
PATHS = (
    "data/v1/events/a/w1-000000000001-000000000002.parquet",
    "data/v1/points/a/w1-000000000001-000000000600.parquet",
    "data/v1/points/a/w1-000000000601-000000000602.parquet",
    "data/v1/points/\u00e4 \u4e2d!2F/w2-000000000001-000000000002.parquet",
    "data/v10/points/a/w1-000000000001-000000000002.parquet",
    "notes/plain text.md",
)
CONTENTS = {path: noise(n, 40_000 * n % 90_001) for n, path in enumerate(PATHS, 1)}


def some(*numbers: int) -> dict[str, bytes]:
    return {PATHS[n]: CONTENTS[PATHS[n]] for n in numbers}


def held(remote: Remote) -> dict[str, bytes]:
    """All that lies in `data`."""
    return {entry.path: remote.read(entry.path) for entry in remote.list("data")}


@dataclass(frozen=True, slots=True)
class Place:
    """`hub` is none's for a folder."""

    kind: str
    make: Callable[..., Any]
    files: Path
    hub: Hub | None = None

    @property
    def there(self) -> Hub:
        assert self.hub is not None
        return self.hub

    def remote(self, user: str = "alice", scope: str = "write", **given: Any) -> Any:
        """A remote that knows nothing of others."""
        if self.hub is None:
            return self.make()
        token = given.pop("token", self.hub.token(user, scope))
        return self.make(given.pop("name", NAME), token, self.hub.endpoint, **given)

    def prepared(self) -> Any:
        remote = self.remote()
        remote.prepare(plain_card)
        if self.hub:
            self.hub.forget()
        return remote

    def local(self, contents: dict[str, bytes]) -> dict[str, Path]:
        """Local files with contents, by the path that they are to have there."""
        found = {}
        for path, content in contents.items():
            found[path] = self.files / path.replace("/", " ")
            found[path].write_bytes(content)
        return found

    def commits(self) -> int:
        """How many requests have come that change something."""
        return len(self.there.requests("POST .*(/commit/|/api/buckets/.*/batch$)"))


def place(kind: str, request: pytest.FixtureRequest) -> Place:
    files: Path = request.getfixturevalue("tmp_path") / "outbox"
    files.mkdir()
    if kind == "folder":
        return Place(kind, partial(Folder, files.with_name("remote")), files)
    hub: Hub = request.getfixturevalue("hubs")["xet" if kind == "bucket" else kind]
    hub.reset()
    made: dict[str, Callable[..., Any]] = {"bucket": HubBucket, "lfs": elsewhere}
    return Place(kind, made.get(kind, HubDataset), files, hub)


def elsewhere(*given: Any, **named: Any) -> Elsewhere:
    return Elsewhere(partial(HubDataset, *given, **named))


@cache
def without_xet() -> ProcessPoolExecutor:
    """A process whose client has been told to upload by LFS; one can be told only at its start."""
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_DISABLE_XET", "1")
        pool.submit(os.getpid).result()
    return pool


@dataclass(repr=False)
class Elsewhere:
    """A remote in that process, made anew for each call; `timeout` is the remote's."""

    make: Callable[[], Any]
    timeout: float = 60.0
    url: str = ""

    def prepare(self, card: Card) -> None:
        self._ask("prepare", card)

    def list(self, prefix: str) -> list[Entry]:
        found: list[Entry] = self._ask("list", prefix)
        return found

    def read(self, path: str) -> bytes:
        return bytes(self._ask("read", path))

    def commit(self, add: Mapping[str, Path], delete: Sequence[str], message: str) -> None:
        self._ask("commit", add, delete, message)

    def _ask(self, method: str, *given: object) -> Any:
        return without_xet().submit(ask, self.make, self.timeout, method, given).result()


def ask(make: Callable[[], Any], timeout: float, method: str, given: tuple[object, ...]) -> object:
    remote = make()
    remote.timeout = timeout
    return getattr(remote, method)(*given)

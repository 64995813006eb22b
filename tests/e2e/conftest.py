"""What end-to-end tests share: processes and pipes that never outlive their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.e2e.pipe import Pipe
from tests.e2e.puppet import Puppet
from tests.e2e.worker import Worker


@pytest.fixture
def until_end() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what goes wrong is printed."""
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")


@pytest.fixture
def start(until_end: ExitStack) -> Callable[..., Worker]:
    """`start(module, *arguments, env=...)` starts a worker."""

    def starting(module: str, *arguments: object, **options: Any) -> Worker:
        worker = Worker(module, *arguments, **options)
        until_end.callback(worker.close)
        return worker

    return starting


@pytest.fixture
def puppet(until_end: ExitStack) -> Callable[..., Puppet]:
    """`puppet(env=...)` starts a process that records what it is told to."""

    def starting(**options: Any) -> Puppet:
        made = Puppet(**options)
        until_end.callback(made.close)
        return made

    return starting


@pytest.fixture
def pipe(until_end: ExitStack) -> Callable[[], Pipe]:
    """`pipe()` makes a pipe."""

    def making() -> Pipe:
        made = Pipe()
        until_end.callback(made.close)
        return made

    return making

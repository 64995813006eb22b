"""Where collected metrics go: to the run that is active in this process, if there is one.

One provider serves the runs of a process one after the other, so the run is not the provider's but
is found at each delivery.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Protocol

from opentelemetry.sdk.metrics.export import MetricsData

from otel_trackio import steps
from otel_trackio.convert import convert
from otel_trackio.diagnostics import Diagnostics
from otel_trackio.identity import rank_of
from otel_trackio.model import Batch

MAX_EARLY: Final = 100_000
"""Measurements made before the first run that are held for it."""


class Destination(Protocol):
    """A run, as seen by the instruments."""

    @property
    def rank(self) -> int: ...
    @property
    def diagnostics(self) -> Diagnostics: ...
    def submit(self, batch: Batch) -> bool: ...
    def put_event(self, kind: str, data: Mapping[str, Any]) -> None: ...


_lock = threading.Lock()
_destination: Destination | None = None
_described: Destination | None = None
_had_run = False
_early: deque[Batch] = deque()
_outside = Diagnostics()


def set_destination(destination: Destination | None) -> None:
    """Directs deliveries to a run; the first one also gets what was measured before it."""
    global _destination, _had_run
    with _lock:
        _destination = destination
        if destination is not None:
            _had_run = True
            while _early:
                destination.submit(_early.popleft())


def has_destination() -> bool:
    return _destination is not None


def deliver(data: MetricsData) -> bool:
    """Hands a collection to the active run; False where it was not taken."""
    with _lock:
        target = _destination
    if target is None:
        return _hold(data)
    _describe(target, data)
    conversion = convert(data, target.rank, steps.current_step())
    if conversion.overflowed:
        target.diagnostics.error(
            "dropped.reservoir",
            f"{conversion.overflowed} measurements came faster than they could be collected:"
            " lower OTEL_TRACKIO_INTERVAL",
            amount=conversion.overflowed,
        )
    batch = conversion.batch()
    return target.submit(batch) if len(batch) else True


def _describe(target: Destination, data: MetricsData) -> None:
    """Tells a run once what its instruments' provider says of this process."""
    global _described
    if _described is not target:
        _described = target
        for each in data.resource_metrics[:1]:
            target.put_event("resource", each.resource.attributes)


def _hold(data: MetricsData) -> bool:
    # Between two runs nobody wants the measurements; before the first one they are its prelude.
    batch = convert(data, rank_of(os.environ).rank, steps.current_step()).batch()
    with _lock:
        if not _had_run and sum(map(len, _early)) + len(batch) <= MAX_EARLY:
            _early.append(batch)
            return True
    _outside.error(
        "dropped.no_run",
        "measurements made while no run is active are not recorded: call otel_trackio.init() first",
        amount=len(batch),
    )
    return False


def _forget_in_child() -> None:
    # A forked child reports nothing of its parent's, unless it starts a run of its own.
    global _lock, _destination, _had_run
    _lock = threading.Lock()
    _destination, _had_run = None, True
    _early.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)

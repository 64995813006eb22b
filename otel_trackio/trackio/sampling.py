"""Hardware metrics, every few seconds, while a run is recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from otel_trackio.run import Run
from otel_trackio.threads import started
from otel_trackio.trackio import hardware

STOP_SECONDS: Final = 2.0
"""How long the end of a run waits for a sample that is being taken."""

T = TypeVar("T")

Choice = tuple[bool | None, float]
"""Whether to sample, None where that is possible, and every how many seconds."""


class Sampler:
    """Samples on a thread of its own until it is stopped, or the run is not recorded any more."""

    def __init__(
        self, run: Run, sample: Callable[[], Mapping[str, float]], interval: float
    ) -> None:
        self._run = run
        self._sample = sample
        self._interval = max(0.1, interval)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._go, name="otel-trackio-hardware", daemon=True)
        started(self._thread)

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _go(self) -> None:
        while not self._stopped.wait(self._interval):
            if self._run.state != "running":
                return
            if found := looked(self._run, self._sample):
                self._run.log_system(found)


def samplers(run: Run, cpu: Choice, gpu: Choice) -> list[Sampler]:
    """Those that were asked for, of what there is on this machine."""
    if run.state != "running" or run.rank != 0:
        return []
    made = []
    if cpu[0] is not False and (host := looked(run, hardware.Cpu)):
        made.append(Sampler(run, host.sample, cpu[1]))
    if gpu[0] or (gpu[0] is None and looked(run, hardware.gpu_count)):
        made.append(Sampler(run, hardware.gpu_metrics, gpu[1]))
    return made


def looked(run: Run, look: Callable[[], T]) -> T | None:
    """What a look at the hardware finds; None, counted and said, where it fails."""
    try:
        return look()
    except Exception as error:  # noqa: BLE001 (drivers and containers raise anything)
        run.diagnostics.error("hardware.failed", f"no hardware metrics: {error!r}")
        return None

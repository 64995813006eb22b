"""`trackio.log_cpu` and `log_gpu`: a sample now."""

from __future__ import annotations

from collections.abc import Callable

from otel_trackio.trackio import hardware
from otel_trackio.trackio.live import Run, needed
from otel_trackio.trackio.sampling import looked


def log_cpu(run: Run | None = None) -> hardware.Metrics:
    """Records what the processor, memory, disks and network of this host do; returns it."""
    return _log(run, "log_cpu", lambda: hardware.Cpu().sample(wait=hardware.MOMENT))


def log_gpu(run: Run | None = None, device: int | None = None) -> hardware.Metrics:
    """Records what the GPUs do that this process may see, or the one of that number among them.

    Returns it; it is empty where there are none.
    """
    return _log(run, "log_gpu", lambda: hardware.gpu_metrics(device))


def _log(run: Run | None, what: str, look: Callable[[], hardware.Metrics]) -> hardware.Metrics:
    run = needed(what) if run is None else run
    found = looked(run.run, look) or {}
    if found:
        run.log_system(found)
    return found

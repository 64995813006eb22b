"""What the machine does, under the names and units that Trackio gives it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any, Final

import psutil

GIB: Final = 1024**3
MIB: Final = 1024**2

MOMENT: Final = 0.1
"""Seconds that a single look at the processor takes."""

Metrics = dict[str, float]


class Cpu:
    """The processor, memory, disks and network of this host; rates are since the last sample."""

    def __init__(self) -> None:
        self._before: tuple[float, Any, Any] | None = None
        psutil.cpu_percent(percpu=True)  # The first call only begins to measure.

    def sample(self, wait: float | None = None) -> Metrics:
        """Since the last sample, or over so many seconds from now."""
        cores = psutil.cpu_percent(wait, percpu=True)
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        found: Metrics = {f"cpu/{core}/utilization": share for core, share in enumerate(cores)}
        return {
            **found,
            "cpu/utilization": sum(cores) / max(1, len(cores)),
            "memory/used": memory.used / GIB,
            "memory/total": memory.total / GIB,
            "memory/available": memory.available / GIB,
            "memory/percent": memory.percent,
            "swap/used": swap.used / GIB,
            "swap/total": swap.total / GIB,
            "swap/percent": swap.percent,
            **self._traffic(),
        }

    def _traffic(self) -> Metrics:
        now, disk, network = time.monotonic(), psutil.disk_io_counters(), psutil.net_io_counters()
        before, self._before = self._before, (now, disk, network)
        found: Metrics = {}
        for name, counters, fields in (
            ("disk", disk, {"read": "read_bytes", "write": "write_bytes"}),
            ("network", network, {"sent": "bytes_sent", "recv": "bytes_recv"}),
        ):
            if counters is None:
                continue
            earlier = None if before is None else before[1 if name == "disk" else 2]
            for verb, field in fields.items():
                count = getattr(counters, field)
                if before is None or earlier is None:
                    found[f"{name}/{verb}_bytes"] = count
                else:
                    passed = max(1e-3, now - before[0])
                    rate = (count - getattr(earlier, field)) / passed / MIB
                    found[f"{name}/{verb}_mb_per_sec"] = rate
        return found


@cache
def _nvml() -> Any:
    """NVIDIA's library, begun; None where there is none."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml


def gpu_count() -> int:
    """How many GPUs this process may see."""
    return len(_visible())


def gpu_metrics(device: int | None = None) -> Metrics:
    """The GPUs that this process may see, or the one of that number among them."""
    found: Metrics = {}
    for number, handle in enumerate(_visible()):
        if device in (None, number):
            found |= {f"gpu/{number}/{key}": value for key, value in _gpu(handle)}
    for key, name, together in (
        ("mean_utilization", "utilization", lambda all: sum(all) / len(all)),
        ("total_allocated_memory", "allocated_memory", sum),
        ("total_power", "power", sum),
        ("max_temp", "temp", max),
    ):
        if values := [value for each, value in found.items() if each.endswith(f"/{name}")]:
            found[f"gpu/{key}"] = together(values)
    return found


def _visible() -> list[Any]:
    nvml = _nvml()
    if nvml is None:
        return []
    handles = [nvml.nvmlDeviceGetHandleByIndex(at) for at in range(nvml.nvmlDeviceGetCount())]
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return handles
    seen = []
    for word in filter(None, (word.strip() for word in wanted.split(","))):
        with suppress(nvml.NVMLError, IndexError):
            number = word.isdecimal()
            seen.append(handles[int(word)] if number else nvml.nvmlDeviceGetHandleByUUID(word))
    return seen


def _gpu(handle: Any) -> Iterator[tuple[str, float]]:
    """What the driver tells of one; what it does not support is left out."""
    nvml = _nvml()
    power: Metrics = {}
    for question in _QUESTIONS:
        with suppress(nvml.NVMLError):
            found = question(nvml, handle)
            power |= {key: value for key, value in found.items() if key.startswith("power")}
            yield from found.items()
    if power.get("power_limit") and "power" in power:
        yield "power_percent", 100 * power["power"] / power["power_limit"]


def _use(nvml: Any, handle: Any) -> Metrics:
    rates = nvml.nvmlDeviceGetUtilizationRates(handle)
    return {"utilization": rates.gpu, "memory_utilization": rates.memory}


def _memory(nvml: Any, handle: Any) -> Metrics:
    info = nvml.nvmlDeviceGetMemoryInfo(handle)
    found = {"allocated_memory": info.used / GIB, "total_memory": info.total / GIB}
    return {**found, "memory_usage": info.used / max(1, info.total)}


def _clocks(nvml: Any, handle: Any) -> Metrics:
    kinds = {"sm_clock": nvml.NVML_CLOCK_SM, "memory_clock": nvml.NVML_CLOCK_MEM}
    return {key: nvml.nvmlDeviceGetClockInfo(handle, kind) for key, kind in kinds.items()}


_QUESTIONS: Final[tuple[Callable[[Any, Any], Metrics], ...]] = (
    _use,
    _memory,
    lambda nvml, gpu: {"power": nvml.nvmlDeviceGetPowerUsage(gpu) / 1000},
    lambda nvml, gpu: {"power_limit": nvml.nvmlDeviceGetPowerManagementLimit(gpu) / 1000},
    lambda nvml, gpu: {"temp": nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU)},
    _clocks,
    lambda nvml, gpu: {"fan_speed": nvml.nvmlDeviceGetFanSpeed(gpu)},
)

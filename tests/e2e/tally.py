"""A tally of calls that returned, in memory which outlives the process that keeps it.

The worker notes each `log()` call after it has returned: so its killer knows what was promised.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path
from struct import Struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

THREADS: Final = 2
MAX_CALLS: Final = 500_000
"""Calls of one thread that there is room for."""

STRIDE: Final = 10**9
"""Steps of thread t start at t * STRIDE, so that a step names the thread and the call."""

_PAIR: Final = Struct("<qq")
_COUNT: Final = Struct("<q")
_ROWS_AT: Final = 4096
_SIZE: Final = _ROWS_AT + THREADS * MAX_CALLS * _PAIR.size


class Tally:
    """When each call began and returned (ns since the epoch), by thread, in the order made."""

    def __init__(self, path: Path) -> None:
        """Opens the tally at `path`, which is made if it is not there."""
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.truncate(_SIZE)
            self._memory = mmap.mmap(file.fileno(), _SIZE)

    def note(self, thread: int, call: int, began: int, returned: int) -> None:
        """Notes that call number `call` of a thread has returned."""
        row = thread * MAX_CALLS + call
        _PAIR.pack_into(self._memory, _ROWS_AT + row * _PAIR.size, began, returned)
        _COUNT.pack_into(self._memory, thread * _COUNT.size, call + 1)

    def returned(self, thread: int) -> int:
        """How many calls of a thread have returned."""
        return int(_COUNT.unpack_from(self._memory, thread * _COUNT.size)[0])

    def total(self) -> int:
        """How many calls have returned."""
        return sum(self.returned(thread) for thread in range(THREADS))

    def times(self, thread: int) -> NDArray[np.int64]:
        """A row for each call of a thread that returned: when it began and when it returned."""
        start = _ROWS_AT + thread * MAX_CALLS * _PAIR.size
        data = bytes(self._memory[start : start + self.returned(thread) * _PAIR.size])
        return np.frombuffer(data, dtype=np.int64).reshape(-1, 2)


def step_of(thread: int, call: int) -> int:
    """The step that call number `call` of a thread is logged at."""
    return thread * STRIDE + call


def metrics_of(thread: int, call: int) -> dict[str, object]:
    """What that call logs: shapes of every kind, so that every path of `log()` is taken.

    `own/<thread>` is in each call. The others come and go with the call's number.
    """
    metrics: dict[str, object] = {"shared": step_of(thread, call) / 7, f"own/{thread}": call}
    if call % 5 == 0:
        metrics["nested"] = {"zero": -0.0, "nan": float("nan")}
    if call % 11 == 0:
        metrics["big"] = 2**70 + call
    if call % 3 == 0:
        metrics[f"kind/{thread}/{call // 3 % 40}"] = call % 2 == 0
    return metrics


def flat(metrics: dict[str, object]) -> dict[str, object]:
    """The same with nested keys joined, as readers see it."""
    found: dict[str, object] = {}
    for key, value in metrics.items():
        if isinstance(value, dict):
            found |= {f"{key}/{inner}": each for inner, each in value.items()}
        else:
            found[key] = value
    return found


def expected(threads: Sequence[int]) -> dict[str, dict[int, object]]:
    """By key, the value at each step, where thread t has made `threads[t]` calls."""
    found: dict[str, dict[int, object]] = {}
    for thread, calls in enumerate(threads):
        for call in range(calls):
            for key, value in flat(metrics_of(thread, call)).items():
                found.setdefault(key, {})[step_of(thread, call)] = value
    return found

"""The machine that measures: what it is, and how steady it was meanwhile."""

from __future__ import annotations

import os
import platform
import sqlite3
import time


def pace() -> float:
    """Milliseconds that a fixed piece of Python takes: the median of several."""
    taken = []
    for _ in range(15):
        begin = time.perf_counter_ns()
        sum(number * number for number in range(50_000))
        taken.append(time.perf_counter_ns() - begin)
    return sorted(taken)[len(taken) // 2] / 1e6


def described(paces: list[float]) -> str:
    """One line about the machine, given its pace from time to time."""
    steady = "" if max(paces) < 1.25 * min(paces) else ": NOISY, measure again"
    return (
        f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}. The same piece of Python took "
        f"{min(paces):.1f} to {max(paces):.1f} ms between the benchmarks{steady}."
    )

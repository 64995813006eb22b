"""What `import otel_trackio` adds to a program that has the OpenTelemetry SDK already."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Final

from tests.bench.table import Row

BOUND: Final = 150.0
"""Milliseconds that the import may take beyond that of the SDK."""

ROUNDS: Final = 21
SDK: Final = "opentelemetry.sdk.metrics"


def rows(quick: bool) -> list[Row]:
    """The best of several rounds: a process that was held up says nothing of the import."""
    rounds = 7 if quick else ROUNDS
    turns = [
        (_taken(SDK), _taken(SDK, "numpy"), _taken(SDK, "otel_trackio")) for _ in range(rounds)
    ]
    sdk, numpy, ours = map(min, zip(*turns, strict=True))
    what = f"import otel_trackio, beyond {SDK} ({sdk:.0f} ms)"
    return [Row(what, ours - sdk, "ms", BOUND), Row("of which numpy", numpy - sdk, "ms")]


def _taken(*modules: str) -> float:
    """Milliseconds of a Python process that imports the modules."""
    begin = time.perf_counter()
    subprocess.run((sys.executable, "-c", f"import {', '.join(modules)}"), check=True)
    return 1e3 * (time.perf_counter() - begin)

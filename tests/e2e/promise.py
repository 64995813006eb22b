"""What readers must find of calls that returned: everything, once, in order, exact."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from otel_trackio.semconv import NONFINITE
from otel_trackio.storedrun import StoredRun
from tests.e2e.tally import THREADS, Tally, expected, step_of


def check_kept(run: StoredRun, tally: Tally) -> None:
    """Everything the tally promises is in the run: once, in order, exact."""
    with run.sources():
        counts = {each.key: each.count for each in run.metrics()}
        calls = [counts.get(f"own/{thread}", 0) for thread in range(THREADS)]
        for thread, found in enumerate(calls):
            # A call that was under way may be there too; it comes after all that returned.
            assert found - tally.returned(thread) in (0, 1)
        wanted = expected(calls)
        assert {key for key in counts if not key.startswith(NONFINITE)} == set(wanted)
        for key, values in wanted.items():
            history = run.history(key, all=True)
            for thread in range(THREADS):
                _check_thread(key, thread, history, values, tally)


def _check_thread(
    key: str, thread: int, history: Any, wanted: dict[int, object], tally: Tally
) -> None:
    low, high = step_of(thread, 0), step_of(thread + 1, 0)
    own = (history["step"] >= low) & (history["step"] < high)
    steps = history["step"][own]
    assert steps.tolist() == [step for step in wanted if low <= step < high], key
    values = history["value"][own].tolist()
    assert list(map(exact, values)) == [exact(wanted[step]) for step in steps.tolist()], key
    times = tally.times(thread)
    known = steps - low < len(times)
    made = times[steps[known] - low]
    stored = history["time"][own][known]
    assert np.all((made[:, 0] <= stored) & (stored <= made[:, 1])), key


def exact(value: Any) -> object:
    """Equal for equal numbers alone: it tells -0.0 from 0.0, 1 from 1.0, and knows NaN."""
    number = int(value) if isinstance(value, bool) else value
    return "nan" if isinstance(number, float) and math.isnan(number) else repr(number)


def check_counted(run: StoredRun, first: int, last: int) -> None:
    """What `Puppet.log(first, last)` logged is in the run: once, in order, exact."""
    steps = list(range(first, last))
    with run.sources():
        count, loss = (run.history(key, all=True) for key in ("count", "loss"))
    assert count["step"].tolist() == count["value"].tolist() == steps
    assert loss["step"].tolist() == steps
    assert loss["value"].tolist() == [step / 7 for step in steps]

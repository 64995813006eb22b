"""Records a run and syncs it again and again, until it is killed. Arguments: its id, the remote."""

from __future__ import annotations

import sys
from itertools import count

import otel_trackio

BURST = 40
"""Calls of `log()` between two syncs."""


def main() -> None:
    run = otel_trackio.init("crash", id=sys.argv[1], resume="allow", remote=sys.argv[2])
    print("ready", flush=True)  # noqa: T201 (the test waits for it)
    counter = otel_trackio.get_meter("crash").create_counter("calls")
    for burst in count():
        for call in range(BURST):
            odd = (float("nan"), 2**70 + burst, -0.0, True)[call % 4]
            run.log({"loss": 1 / (call + 1), "burst": burst, "odd": odd})
            counter.add(1)
        run.log({"weights": otel_trackio.Histogram([burst, 2, 3])})
        run.alert(f"burst {burst}")
        run.sync_now(10)


if __name__ == "__main__":
    main()

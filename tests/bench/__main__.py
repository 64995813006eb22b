"""`python -m tests.bench [NAME...] [--quick]`: measured numbers beside those we promise.

Each benchmark runs in a process of its own. Where the machine is shared, compare ratios, and
measure again what is over its bound.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from tests.bench import (
    background,
    collector,
    decode,
    fanout,
    imports,
    init,
    instrument,
    livesync,
    log,
    otlp,
    page,
    promwrite,
    read,
    store,
    sync,
    trainer,
)
from tests.bench.machine import described, pace
from tests.bench.table import Row, console, table

BENCHMARKS: dict[str, Callable[[bool], list[Row]]] = {
    "log": log.rows,
    "instrument": instrument.rows,
    "trainer": trainer.rows,
    "store": store.rows,
    "read": read.rows,
    "sync": sync.rows,
    "livesync": livesync.rows,
    "background": background.rows,
    "otlp": otlp.rows,
    "import": imports.rows,
    "init": init.rows,
    "page": page.rows,
    "collector": collector.rows,
    "fanout": fanout.rows,
    "decode": decode.rows,
    "promwrite": promwrite.rows,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller sizes")
    given = parser.parse_args()
    unknown = set(given.names) - BENCHMARKS.keys()
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}: choose from {', '.join(BENCHMARKS)}")
    return given


def main() -> None:
    given = arguments()
    # No setting of this machine's user, nor what a run says of itself, belongs in the numbers.
    for name in list(os.environ):
        if name.startswith(("OTEL_", "TRACKIO_")):
            del os.environ[name]
    os.environ["OTEL_TRACKIO_SILENT"] = "1"
    paces = [pace()]
    sections: list[tuple[str, list[Row]]] = []
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as processes:
        for name in given.names or BENCHMARKS:
            print(f"measuring {name}", file=sys.stderr)
            sections.append((name, processes.submit(BENCHMARKS[name], given.quick).result()))
            paces.append(pace())
    output = console()
    output.print(table(sections))
    output.print(described(paces))


if __name__ == "__main__":
    main()

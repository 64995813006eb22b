"""Logs images and tables until it is killed; prints each step once `log()` has returned.

With `fork` it logs an image, and so does a child of its own, and then it ends.
"""

from __future__ import annotations

import os
import sys
from itertools import count

import numpy as np

import otel_trackio
from otel_trackio import Image, Table

SIZE = 16
"""Pixels of a side."""

ROWS = 2_000
"""Of the large table."""


def main() -> None:
    run = otel_trackio.init("p", "pictures")
    for step in count():
        run.log(
            {
                "images": [Image(pixels(step), str(step)), Image(pixels(step // 2))],
                "large": Table(["n", "text"], [[step, f"{n}"] for n in range(ROWS)]),
                "small": Table(["n"], [[step]]),
                "loss": step,
            },
            step,
        )
        sys.stdout.write(f"{step}\n")
        sys.stdout.flush()


def forks() -> None:
    with otel_trackio.init("p", "pictures") as run:
        run.log({"images": [Image(pixels(n), str(n)) for n in (0, 1)]})
        child = os.fork()
        if child == 0:
            run.log({"images": [Image(pixels(n), str(n)) for n in (0, 2)]})
            run.finish()
            os._exit(0)
        os.waitpid(child, 0)


def pixels(step: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """What is to be seen at a step."""
    return np.random.default_rng(step).integers(0, 256, (SIZE, SIZE, 3), np.uint8)


if __name__ == "__main__":
    forks() if "fork" in sys.argv else main()

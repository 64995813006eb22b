"""Networks that train on while somebody looks: each in a process of its own, as trainings are."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console

from otel_trackio.dashboard import show
from otel_trackio.demo.network import load_images
from otel_trackio.demo.training import PROJECT, Recipe, train
from otel_trackio.errors import MissingExtra
from otel_trackio.identity import default_name, new_id

SEEDS: Final = (2, 3)
RATE: Final = 0.02
EPOCHS: Final = 1_000
"""Where they end by themselves: after three quarters of an hour."""

STEP_SECONDS: Final = 0.06
"""They are slowed down to this, which is about what a step of a larger network takes."""


def watch(console: Console, dir: Path, options: str) -> None:
    """Serves the dashboard with runs that are still training, until Ctrl-C.

    Where it is not installed, says how to install it. Commands come with `options`.
    """
    try:
        dashboard = show(PROJECT, dir=dir)
    except MissingExtra as missing:
        console.print("", f"To see them in a browser: {missing.hint}", sep="\n", soft_wrap=True)
        return
    names = [default_name(new_id()) for _ in SEEDS]
    with closing(dashboard), _training(dir, names):
        console.print(
            "",
            f"{' and '.join(names)} go on training; see them and the others at",
            f"  {dashboard.url}",
            f"until Ctrl-C. To remove these two: otel-trackio rm {' '.join(names)}{options}",
            sep="\n",
            soft_wrap=True,
        )
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            console.print("")


@contextmanager
def _training(dir: Path, names: list[str]) -> Iterator[None]:
    """Runs of these names are trained while this lasts, and then finished."""
    with ExitStack() as stack:
        for name, seed in zip(names, SEEDS, strict=True):
            program = f"from {__name__} import train_on; train_on({str(dir)!r}, {name!r}, {seed})"
            # Apart from the terminal: Ctrl-C ends this process, and its end ends them.
            command = (sys.executable, "-c", program)
            process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
            stack.enter_context(process)
        yield


def train_on(dir: str, name: str, seed: int) -> None:
    """Trains a network, slowly, until standard input ends."""
    ended = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    recipe = Recipe(RATE, seed, "log()", EPOCHS)
    train(recipe, *load_images(), Path(dir), name, lambda: ended.wait(STEP_SECONDS))

"""`python -m tests.space.picture [PATH]`: the picture at the top of the README.

The same browser looks at the same runs each time: three sizes of a network, each trained from
three seeds, of which some are still training.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import numpy as np
from playwright.sync_api import Page, ViewportSize, sync_playwright

import otel_trackio
from tests.space.browser.conftest import CHROMIUM, FLAGS
from tests.space.browser.dashboard import ROOT, Dashboard

PICTURE: Final = ROOT / "space" / "dashboard.png"
WINDOW: Final[ViewportSize] = {"width": 1440, "height": 900}
PROJECT: Final = "language-model"
STEPS: Final = 4_000
EVERY: Final = 100
"""Steps between two evaluations."""

VIEW: Final = {"project": PROJECT, "group": "group", "smooth": "20", "logy": "1"}
POINTED_AT: Final = re.compile(r"^train.loss\.")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A run to show: what it is trained with, and how far it has come."""

    size: str
    parameters: int
    learning_rate: float
    seed: int
    steps: int = STEPS

    @property
    def name(self) -> str:
        return f"{self.size}-seed{self.seed}"


RECIPES: Final = tuple(
    Recipe(size, parameters, rate, seed, steps)
    for size, parameters, rate, reached in (
        ("small", 28_000_000, 6e-4, (STEPS, STEPS, STEPS)),
        ("medium", 124_000_000, 3e-4, (STEPS, STEPS, 3_420)),
        ("large", 355_000_000, 2e-4, (3_610, 2_930, 2_250)),
    )
    for seed, steps in enumerate(reached)
)


def train(recipe: Recipe, dir: Path) -> otel_trackio.Run:
    """Records a run up to where it has come."""
    config = {key: value for key, value in asdict(recipe).items() if key != "steps"}
    run = otel_trackio.init(
        PROJECT, recipe.name, group=recipe.size, config=config, dir=dir, mode="offline"
    )
    noise = np.random.default_rng(recipe.parameters + recipe.seed)
    floor = 3.9 - 0.28 * math.log10(recipe.parameters / 1e7)
    for step in range(recipe.steps):
        run.log(_values(recipe, step, floor, noise), step)
    return run


def _values(recipe: Recipe, step: int, floor: float, noise: np.random.Generator) -> dict[str, Any]:
    warm = min(1.0, (step + 1) / 200)
    rate = recipe.learning_rate * warm * (0.55 + 0.45 * math.cos(math.pi * step / STEPS))
    loss = floor + (10.8 - floor) * (1 + step / 45) ** -0.72
    values = {
        "train/loss": loss + noise.normal(0, 0.05),
        "train/learning_rate": rate,
        "train/gradient_norm": (0.4 + 4 / (1 + step / 60)) * noise.lognormal(0, 0.18),
        "throughput/tokens_per_second": 3.1e12 / recipe.parameters * (1 + noise.normal(0, 0.02)),
    }
    if step % EVERY == EVERY - 1:
        own = loss + 0.06 + noise.normal(0, 0.012)
        values |= {
            "eval/loss": own,
            "eval/accuracy": 1.45 * math.exp(-own / 2.6),
            "eval/perplexity": math.exp(own),
        }
    return values


@contextmanager
def training(dir: Path) -> Iterator[None]:
    """All runs, those that have not come to their end in processes that live on."""
    with ExitStack() as stack:
        for recipe in RECIPES:
            if recipe.steps == STEPS:
                train(recipe, dir).finish()
        for number, recipe in enumerate(RECIPES):
            if recipe.steps < STEPS:
                stack.enter_context(_process(number, dir))
        yield


@contextmanager
def _process(number: int, dir: Path) -> Iterator[None]:
    command = (sys.executable, "-m", "tests.space.picture", "train", str(number), str(dir))
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "recorded\n":
            raise RuntimeError(f"{command!r} ended with status {process.wait()}")
        yield
        process.kill()


def live(number: str, dir: str) -> None:
    """Trains one of them in this process, which then stays until it is killed."""
    train(RECIPES[int(number)], Path(dir))
    print("recorded", flush=True)  # noqa: T201 (the picture waits for it)
    sys.stdin.read()


def take(page: Page, address: str, path: Path) -> None:
    """Waits for the charts, points at one, and saves what the window shows."""
    page.goto(f"{address}/?{urlencode(VIEW)}")
    plot = page.get_by_role("application", name=POINTED_AT).locator("visible=true").last
    page.wait_for_timeout(4_000)
    box = plot.bounding_box()
    if box is None:
        raise RuntimeError("no chart to point at")
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.wait_for_timeout(500)
    page.screenshot(path=path, animations="disabled")


def main(path: str = str(PICTURE)) -> None:
    os.environ["OTEL_TRACKIO_SILENT"] = "1"
    with ExitStack() as stack:
        dir = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(training(dir))
        dashboard = stack.enter_context(Dashboard(dir))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_page(viewport=WINDOW, color_scheme="light")
        take(page, dashboard.address, Path(path))
        browser.close()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["train", number, dir]:
            live(number, dir)
        case paths:
            main(*paths)

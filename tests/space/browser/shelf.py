"""Runs to look at, recorded as users record them, with a note of every value for the oracle."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import pytest

import otel_trackio

Noted: TypeAlias = list[tuple[int, float]]
"""Step and value of each point of a metric, in the order logged."""

STEPS: Final = 1_200
EVERY: Final = 50
"""Steps between two evaluations."""

RATES: Final = (0.001, 0.01, 0.1, 1.0)
SEEDS: Final = (0, 1, 2)
SPIKE: Final = (777, 64.0)
"""A step of one run of `digits`, and its gradient norm there; elsewhere it is about 1."""

HOSTILE: Final = (
    "<img src=x onerror=\"document.title='owned'\">",
    "../../etc/passwd",
    "\"quoted\" & 'single' `back` \\ %2F #?&=+",
    "日本語 \U0001f680 émoji \u202egnp.exe",
    "x" * 300,
)
"""Names that somebody may give to anything."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of runs: their ids by name, and what was logged by name and metric."""

    dir: Path
    ids: dict[str, str] = field(default_factory=dict)
    noted: dict[str, dict[str, Noted]] = field(default_factory=dict)

    @contextmanager
    def run(self, project: str, name: str, **about: Any) -> Iterator[Notebook]:
        """A run that is finished at the end of the block."""
        with otel_trackio.init(project, name, dir=self.dir, **about) as run:
            self.ids[name] = run.id
            yield Notebook(run, self.noted.setdefault(name, {}))


@dataclass(frozen=True, slots=True)
class Notebook:
    """Logs to a run, and notes what."""

    run: otel_trackio.Run
    noted: dict[str, Noted]

    def log(self, values: Mapping[str, float], step: int) -> None:
        self.run.log(values, step)
        for key, value in values.items():
            self.noted.setdefault(key, []).append((step, float(value)))


def recorded(dir: Path) -> Shelf:
    """All projects that tests only look at."""
    shelf = Shelf(dir)
    _digits(shelf)
    _odd(shelf)
    _ranks(shelf)
    _hostile(shelf)
    _hardware(shelf)
    _records(shelf)
    return shelf


def _digits(shelf: Shelf) -> None:
    """Three runs in each of four groups; one has a spike, one failed, one raised an alert."""
    for rate in RATES:
        for seed in SEEDS:
            about: dict[str, Any] = {
                "group": f"rate {rate:g}",
                "config": {"lr": rate, "seed": seed, "model": {"hidden": [64, 64], "kind": "mlp"}},
                "tags": ["baseline", *(["best"] if (rate, seed) == (0.1, 0) else [])],
                "notes": f"seed {seed} of rate {rate:g}",
            }
            fails = (rate, seed) == (1.0, 2)
            with (
                suppress(MemoryError),
                shelf.run("digits", f"digits-{rate:g}-{seed}", **about) as book,
            ):
                _train(book, rate, seed)
                if fails:
                    book.run.alert("loss is rising", "it was 0.1 before", "error", step=600)
                    raise MemoryError("no room")


def _train(book: Notebook, rate: float, seed: int) -> None:
    noise = np.random.default_rng(seed)
    for step in range(STEPS):
        level = math.exp(-step * (1 + math.log10(rate * 1_000)) / STEPS)
        spike = SPIKE[1] if (rate, seed, step) == (0.01, 1, SPIKE[0]) else 1.0
        book.log(
            {
                "train/loss": level + abs(noise.normal(0, 0.05)) + 0.01,
                "train/accuracy": 1 - level / 2 + noise.normal(0, 0.01),
                "train/learning_rate": rate * 1e-3 * (1 - step / STEPS / 2),
                "gradient/norm": spike * (1 + noise.uniform(0, 0.2)),
                "tokens": step * 512,
                "epoch": step // 100,
            },
            step,
        )
        if step % EVERY == EVERY - 1:
            book.log({"eval/loss": level + 0.1, "eval/accuracy": 1 - level / 2}, step)
    book.run.summary["best_accuracy"] = 1 - level / 2


def _odd(shelf: Shelf) -> None:
    """What is no plain curve."""
    with shelf.run("odd", "special") as book:
        values = (1.0, math.nan, 2.0, math.inf, 3.0, -math.inf, 4.0, -0.0, 5.0, 6.0)
        for step, value in enumerate(values):
            book.log({"special": value, "plain": step, "never": math.nan}, step)
    with shelf.run("odd", "resumed") as book:
        for step in range(100):
            book.log({"repeated": step, "plain": step / 2}, step)
    with shelf.run("odd", "resumed", resume="must") as book:
        for step in range(60, 150):
            book.log({"repeated": 1_000 + step, "plain": step / 4}, step)
    with shelf.run("odd", "single") as book:
        book.log({"plain": 7.5}, 3)
    with shelf.run("odd", "negative") as book:
        for step in range(-5, 6):
            book.log({"plain": step**2}, step)
    with shelf.run("odd", "integers") as book:
        for step in range(3):
            book.run.log({"large": 2**70 + step}, step)
    with shelf.run("odd", "stepless") as book:
        for value in range(5):
            book.run.log_system({"room/temperature": 20 + value})
    with shelf.run("odd", "empty"):
        pass


def _ranks(shelf: Shelf) -> None:
    """One run of two processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORLD_SIZE", "2")
        for rank in range(2):
            patch.setenv("RANK", str(rank))
            options = {"id": "two-ranks", "resume": "allow"}
            with otel_trackio.init("ranks", "two", dir=shelf.dir, **options) as run:  # type: ignore[arg-type]
                shelf.ids["two"] = run.id
                for step in range(40):
                    run.log({"loss": 10 * rank + step / 40}, step)


def _hostile(shelf: Shelf) -> None:
    """Everything that has a name has one that means harm."""
    for number, name in enumerate(HOSTILE):
        about = {"group": name, "tags": [name], "notes": name, "config": {name: name}}
        with shelf.run("hostile", name, **about) as book:
            for step in range(20):
                book.log({name: step, f"section/{name}": -step, "common": step * number}, step)
            book.run.summary[name] = name
            book.run.alert(name, name, "warn", step=3)
        with shelf.run(name, f"alone {number}") as book:
            book.log({"common": 1}, 0)


def _hardware(shelf: Shelf) -> None:
    """Two GPUs and their host beside a loss."""
    with shelf.run("hardware", "gpus") as book:
        meter = otel_trackio.get_meter("otel_trackio.devices")
        gauges = {
            name: meter.create_gauge(name, unit=unit)
            for name, unit in (
                ("hw.gpu.utilization", "1"),
                ("hw.gpu.memory.usage", "By"),
                ("hw.temperature", "Cel"),
                ("hw.power", "W"),
            )
        }
        cpu = meter.create_gauge("system.cpu.utilization", unit="1")
        for step in range(30):
            book.log({"train/loss": 1 / (step + 1)}, step)
            for device in range(2):
                about = {"hw.id": f"GPU-{device}", "hw.type": "gpu"}
                share = 0.5 + 0.4 * math.sin(step / 5 + device)
                gauges["hw.gpu.utilization"].set(share, about)
                gauges["hw.gpu.memory.usage"].set(share * 80e9, about)
                gauges["hw.temperature"].set(40 + 30 * share, about)
                gauges["hw.power"].set(100 + 500 * share, about)
            cpu.set(0.25 + step / 100)


def _records(shelf: Shelf) -> None:
    """Tables of two steps, one of many rows, images, texts and a trace."""
    with shelf.run("records", "with-tables") as book:
        rows = [["a cat", 0.75, None], ["<b>a dog</b>", 1e-9, True]]
        for step in (1, 2):
            table = otel_trackio.Table(["text", "score", "right"], rows[:step])
            book.run.log({"loss": 1, "samples": table}, step)
        dot = otel_trackio.Image(np.array([[[255, 0, 0]]], np.uint8), "one red dot")
        book.run.log({"a dot": dot}, 2)

"""The training script: a few runs of one network, recorded through `log()` or the meter API.

Read `train` first, then how `LogRecording` and `MeterRecording` say the same thing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np

import otel_trackio
from otel_trackio.demo.network import Fit, Images, Network

PROJECT: Final = "digits-demo"

RATES: Final = (0.01, 0.1, 2.0)
"""Learning rates: slow, good, and one under which the weights grow until they overflow."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a run trains with, and how it is recorded; it becomes the run's config."""

    learning_rate: float
    seed: int
    recorded_via: str
    epochs: int
    batch_size: int = 32
    hidden: int = 32
    momentum: float = 0.9

    @property
    def group(self) -> str:
        return f"lr={self.learning_rate:g}"


@dataclass(frozen=True, slots=True)
class Update:
    """What one step of training gives to record."""

    fit: Fit
    gradient_norm: float
    learning_rate: float
    images: int
    seconds: float


class Recording(Protocol):
    """A way to record a run: every step, and an evaluation after each epoch."""

    def update(self, step: int, update: Update) -> None: ...
    def evaluation(self, step: int, fit: Fit, network: Network) -> None: ...


def recipes(epochs: int) -> list[Recipe]:
    """Two runs of each learning rate, one recorded each way."""
    return [
        Recipe(rate, seed, way, epochs) for rate in RATES for seed, way in enumerate(RECORDINGS)
    ]


# Under the last rate numbers overflow to infinity and then to NaN: recorded, so no cause to warn.
@np.errstate(over="ignore", invalid="ignore")
def train(
    recipe: Recipe,
    images: Images,
    unseen: Images,
    dir: Path,
    name: str | None = None,
    pause: Callable[[], bool] = lambda: False,
) -> str:
    """Trains and records one run, to its end even if it diverges; returns the run's id.

    `pause` is called after each step, and where it answers True that was the last one.
    """
    random = np.random.default_rng(recipe.seed)
    network = Network(recipe.hidden, recipe.momentum, random)
    with otel_trackio.init(
        PROJECT,
        name,
        group=recipe.group,
        config=asdict(recipe),
        tags=["demo"],
        mode="offline",
        dir=dir,
    ) as run:
        recording = RECORDINGS[recipe.recorded_via]()
        step, best, diverged = 0, 0.0, False
        for _ in range(recipe.epochs):
            for batch in images.batches(recipe.batch_size, random):
                update = _update(network, batch, recipe.learning_rate)
                recording.update(step, update)
                if not diverged and not math.isfinite(update.fit.loss):
                    diverged = True
                    run.alert("loss is not finite", "lower the learning rate", "error", step)
                step += 1
                if pause():
                    return run.id
            fit = network.test(unseen)
            recording.evaluation(step - 1, fit, network)
            best = max(best, fit.accuracy)
            run.summary["best_accuracy"] = best
    return run.id


def _update(network: Network, batch: Images, learning_rate: float) -> Update:
    started = time.perf_counter()
    fit, gradient_norm = network.train(batch, learning_rate)
    seconds = time.perf_counter() - started
    return Update(fit, gradient_norm, learning_rate, len(batch), seconds)


class LogRecording:
    """With `log()`: names, numbers and the step, all at once."""

    def __init__(self) -> None:
        self.images = 0

    def update(self, step: int, update: Update) -> None:
        self.images += update.images
        otel_trackio.log(
            {
                "train/loss": update.fit.loss,
                "train/accuracy": update.fit.accuracy,
                "train/gradient_norm": update.gradient_norm,
                "train/learning_rate": update.learning_rate,
                "train/images": self.images,
            },
            step=step,
        )

    def evaluation(self, step: int, fit: Fit, network: Network) -> None:
        metrics = {
            "eval": {"loss": fit.loss, "accuracy": fit.accuracy},  # The same as "eval/loss", ...
            "weights": otel_trackio.Histogram(network.weights),
        }
        otel_trackio.log(metrics, step=step)


GAUGES: Final = (
    "train/loss",
    "train/accuracy",
    "train/gradient_norm",
    "train/learning_rate",
    "eval/loss",
    "eval/accuracy",
)


class MeterRecording:
    """With OpenTelemetry instruments, the same that any other exporter reads.

    They know of no steps, so the step is in the context of what they measure.
    """

    def __init__(self) -> None:
        meter = otel_trackio.get_meter("otel_trackio.demo")
        self.gauges = {key: meter.create_gauge(key) for key in GAUGES}
        self.images = meter.create_counter("train/images", unit="{image}")
        self.duration = meter.create_histogram(
            "train/step_duration",
            unit="s",
            explicit_bucket_boundaries_advisory=[0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005],
        )

    def update(self, step: int, update: Update) -> None:
        with otel_trackio.step(step):
            self._set("train/loss", update.fit.loss)
            self._set("train/accuracy", update.fit.accuracy)
            self._set("train/gradient_norm", update.gradient_norm)
            self._set("train/learning_rate", update.learning_rate)
            self.images.add(update.images)
            self.duration.record(update.seconds)

    def evaluation(self, step: int, fit: Fit, network: Network) -> None:
        with otel_trackio.step(step):
            self._set("eval/loss", fit.loss)
            self._set("eval/accuracy", fit.accuracy)

    def _set(self, key: str, value: float) -> None:
        # Instruments refuse NaN and infinity. log() takes them, and both make one curve.
        if math.isfinite(value):
            self.gauges[key].set(value)
        else:
            otel_trackio.log({key: value})


RECORDINGS: Final[dict[str, type[Recording]]] = {"log()": LogRecording, "meter": MeterRecording}

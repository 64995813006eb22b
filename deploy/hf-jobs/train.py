# /// script
# requires-python = ">=3.11"
# dependencies = ["otel-trackio"]
#
# [tool.hf-jobs]
# timeout = "30m"
# secrets = ["HF_TOKEN"]
# env = { OTEL_TRACKIO_DEADLINE = "30m" }
# ///
"""Teaches a small network to tell two spirals apart: seconds on any CPU, with numpy alone."""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

import otel_trackio

Floats = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--lr", type=float, default=5.0)
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with otel_trackio.init("spirals", dataset_id="spirals-metrics", config=vars(options)) as run:
        run.summary["accuracy"] = train(run, **vars(options))


def train(run: otel_trackio.Run, steps: int, lr: float, hidden: int, seed: int) -> float:
    """Trains and logs each step; returns the share of points that it gets right in the end."""
    random = np.random.default_rng(seed)
    points, sides = spirals(500, random)
    first = random.normal(0, 1, (points.shape[1], hidden))
    second = random.normal(0, hidden**-0.5, hidden)
    accuracy = 0.0
    for step in range(steps):
        active = np.tanh(points @ first)
        likely = 1 / (1 + np.exp(-active @ second))
        loss = -np.log(np.where(sides, likely, 1 - likely) + 1e-12).mean()
        accuracy = float(((likely > 0.5) == sides).mean())
        error = (likely - sides) / len(sides)
        back = np.outer(error, second) * (1 - active**2)
        first -= lr * points.T @ back
        second -= lr * active.T @ error
        run.log({"train/loss": loss, "train/accuracy": accuracy}, step=step)
    return accuracy


def spirals(amount: int, random: np.random.Generator) -> tuple[Floats, NDArray[np.bool_]]:
    """Points of two arms, each turned once: their features, and on which arm each one lies."""
    along = np.sqrt(random.uniform(0, 1, amount))
    sides = random.uniform(size=amount) < 0.5
    angle = 2 * np.pi * along + np.pi * sides
    x, y = along * np.cos(angle), along * np.sin(angle)
    return np.stack([x, y, np.ones(amount)], 1) + random.normal(0, 0.01, (amount, 3)), sides


if __name__ == "__main__":
    main()

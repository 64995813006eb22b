"""A small neural network and the images it learns from: plain numpy, nothing of telemetry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from otel_trackio.errors import MissingExtra

Floats: TypeAlias = NDArray[np.float32]

PIXELS: Final = 64
CLASSES: Final = 10
LEAK: Final = np.float32(0.1)
"""Slope of a hidden unit below zero."""


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """`pixels` float32[n, 64] between 0 and 1, and the digit that each image shows, int64[n]."""

    pixels: Floats
    digits: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.digits)

    def picked(self, which: NDArray[np.int64]) -> Images:
        return Images(self.pixels[which], self.digits[which])

    def batches(self, size: int, random: np.random.Generator) -> Iterator[Images]:
        """All images once, in random order; the last batch may be smaller."""
        order = random.permutation(len(self))
        for start in range(0, len(self), size):
            yield self.picked(order[start : start + size])


def load_images() -> tuple[Images, Images]:
    """1,797 scanned handwritten digits: 80 % to train on, the rest to test with; always the same.

    Raises MissingExtra.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtra("scikit-learn", "scikit-learn") from error
    data: Any = load_digits()
    images = Images((data.data / 16).astype(np.float32), data.target.astype(np.int64))
    order = np.random.default_rng(0).permutation(len(images))
    training, unseen = np.split(order, [len(images) * 4 // 5])
    return images.picked(training), images.picked(unseen)


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a network does: mean cross-entropy, and the share of digits it gets right."""

    loss: float
    accuracy: float


class Network:
    """One hidden layer of leaky ReLUs and a softmax, trained by gradient descent with momentum."""

    def __init__(self, hidden: int, momentum: float, random: np.random.Generator) -> None:
        def weights(inputs: int, outputs: int) -> Floats:
            return random.normal(0, np.sqrt(2 / inputs), (inputs, outputs)).astype(np.float32)

        def zeros(outputs: int) -> Floats:
            return np.zeros(outputs, np.float32)

        self.momentum = momentum
        self.parameters = [
            weights(PIXELS, hidden),
            zeros(hidden),
            weights(hidden, CLASSES),
            zeros(CLASSES),
        ]
        self.velocities = [np.zeros_like(each) for each in self.parameters]

    @property
    def weights(self) -> Floats:
        """Those of the hidden layer."""
        return self.parameters[0]

    def train(self, batch: Images, learning_rate: float) -> tuple[Fit, float]:
        """One step on a batch: the fit before it, and the norm of the gradient."""
        before, hidden, likelihood = self._forward(batch)
        error = (np.exp(likelihood) - np.eye(CLASSES, dtype=np.float32)[batch.digits]) / len(batch)
        slope = np.where(before > 0, np.float32(1), LEAK)
        back = error @ self.parameters[2].T * slope
        gradients = [batch.pixels.T @ back, back.sum(0), hidden.T @ error, error.sum(0)]
        for parameter, velocity, gradient in zip(
            self.parameters, self.velocities, gradients, strict=True
        ):
            velocity *= self.momentum
            velocity -= learning_rate * gradient
            parameter += velocity
        norm = np.linalg.norm(np.concatenate([each.ravel() for each in gradients]))
        return _fit(likelihood, batch), float(norm)

    def test(self, images: Images) -> Fit:
        """The fit to images that it does not learn from."""
        return _fit(self._forward(images)[-1], images)

    def _forward(self, images: Images) -> tuple[Floats, Floats, Floats]:
        """The hidden layer before and after its ReLU, and the log-likelihood of each digit."""
        hidden_weights, hidden_bias, output_weights, output_bias = self.parameters
        before = images.pixels @ hidden_weights + hidden_bias
        hidden = np.maximum(before, LEAK * before)
        scores = hidden @ output_weights + output_bias
        scores -= scores.max(axis=1, keepdims=True)
        return before, hidden, scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


def _fit(likelihood: Floats, images: Images) -> Fit:
    loss = -likelihood[np.arange(len(images)), images.digits].mean()
    accuracy = (likelihood.argmax(axis=1) == images.digits).mean()
    return Fit(float(loss), float(accuracy))

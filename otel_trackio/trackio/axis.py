"""The step of what is logged: that of the training, whoever logs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, SupportsIndex

from otel_trackio import steps
from otel_trackio.errors import ConfigError
from otel_trackio.media import Media
from otel_trackio.trainer.seen import GLOBAL_STEP


class Axis:
    """Knows where the trainer is, by what it told last. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._step: int | None = None
        self._taken: set[str] = set()

    def step_of(
        self, metrics: Mapping[str, Any], step: SupportsIndex | None
    ) -> SupportsIndex | None:
        """The step to log at; None leaves it to the recorder.

        It is `step`, else what stands beside the numbers as `train/global_step`, else that of the
        `with step(n)` block, else the trainer's last, unless a number of that key is there already.
        """
        told = metrics.get(GLOBAL_STEP) if step is None else step
        if told is not None:
            self._move(told)
            return told
        if steps.current_step() is not None:
            return None
        keys = {key for key, value in metrics.items() if not is_media(value)}
        with self._lock:
            if self._step is None or not self._taken.isdisjoint(keys):
                return None
            self._taken |= keys
            return self._step

    def _move(self, told: SupportsIndex) -> None:
        try:
            step = steps.valid_step(told)
        except ConfigError:  # The recorder says it.
            return
        with self._lock:
            if step != self._step:
                self._step, self._taken = step, set()


def is_media(value: Any) -> bool:
    """Whether it becomes a record, of which a step may have several."""
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(each, Media) for each in value)
    return isinstance(value, Media)

"""The training step that a measurement belongs to.

It rides in the OpenTelemetry Context, not in an attribute: an attribute that holds a step makes a
new time series for every step.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, SupportsIndex

from opentelemetry.context import Context, attach, detach, get_current, set_value

from otel_trackio.errors import ConfigError
from otel_trackio.model import NO_STEP

_KEY: Final = "otel_trackio.step"

_process_step: int | None = None


def valid_step(step: SupportsIndex) -> int:
    """The step as an int that fits int64. Raises ConfigError for anything else."""
    try:
        number = operator.index(step)
    except TypeError:
        integral = isinstance(step, float) and step.is_integer()
        if not integral:
            raise ConfigError(f"step {step!r} is not an integer", "pass a whole number") from None
        number = int(step)
    if not NO_STEP < number < -NO_STEP:
        raise ConfigError(f"step {number} does not fit 64 bits", "pass a smaller number")
    return number


def set_step(step: SupportsIndex | None) -> None:
    """Sets the step of everything this process records from now on; None unsets it."""
    global _process_step
    _process_step = None if step is None else valid_step(step)


@contextmanager
def step(number: SupportsIndex) -> Iterator[None]:
    """Sets the step of everything recorded inside the `with` block, in this context alone."""
    token = attach(set_value(_KEY, valid_step(number)))
    try:
        yield
    finally:
        detach(token)


def step_in(context: Context) -> int | None:
    """The step of a measurement made in `context`: its `with` block's, else the process's."""
    found = context.get(_KEY)
    return found if isinstance(found, int) else _process_step


def current_step() -> int | None:
    """The step of what is recorded here and now."""
    return step_in(get_current())

"""Trainers of transformers and TRL, recorded in full."""

from __future__ import annotations

import inspect
from typing import Any

from otel_trackio import session
from otel_trackio.offer import offer
from otel_trackio.trainer import attaching
from otel_trackio.trainer.instrumentor import TrainerInstrumentor


def instrument(**arguments: Any) -> None:
    """Records every trainer of this process, those that were made before too, when they train.

    They go into the run that is active; where there is none, one is started with these arguments
    of `init`, whose name is the trainer's `run_name` if it has one. transformers need not be
    imported yet; afterwards it and accelerate know `otel_trackio` as a name to log to.

    Called again with arguments, it takes these for trainers that are made from then on: a cell of
    a notebook may run again, and `otel-trackio run` has called it before. Raises TypeError for an
    argument that `init` does not know.
    """
    inspect.signature(session.init).bind(**arguments)  # A mistyped name shows here and now.
    offer()  # Where there is no transformers, accelerate may be.
    instrumentor = TrainerInstrumentor()
    if not instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.instrument(**arguments)
    elif arguments:
        attaching.give(arguments)


def uninstrument() -> None:
    """Records trainers no more, and leaves transformers as it was; the run goes on."""
    instrumentor = TrainerInstrumentor()
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()

"""Trainers of transformers and TRL, recorded in full."""

from __future__ import annotations

from typing import Any

from otel_trackio.offer import offer
from otel_trackio.trainer.instrumentor import TrainerInstrumentor


def instrument(**arguments: Any) -> None:
    """Records every trainer of this process, those that were made before too, when they train.

    They go into the run that is active; where there is none, one is started with these arguments
    of `init`, whose name is the trainer's `run_name` if it has one. transformers need not be
    imported yet; afterwards it and accelerate know `otel_trackio` as a name to log to. Calling it
    again changes nothing.
    """
    offer()  # Where there is no transformers, accelerate may be.
    instrumentor = TrainerInstrumentor()
    if not instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.instrument(**arguments)


def uninstrument() -> None:
    """Records trainers no more, and leaves transformers as it was; the run goes on."""
    instrumentor = TrainerInstrumentor()
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()

"""The durations that TRL measures of its own functions, and throws away unless it reports to us."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

from otel_trackio.trainer import attaching
from otel_trackio.trainer.guard import harmless
from otel_trackio.trainer.recording import took

MODULE: Final = "trl.extras.profiling"
PREFIX: Final = "profiling/Time taken"


@harmless
def watch(module: ModuleType) -> None:
    """Wraps what measures: a class, or, before TRL 1.0, a function that makes a context."""
    if not attaching.is_attached():
        return
    if hasattr(module, "ProfilingContext"):
        attaching.patch(module.ProfilingContext, "_log_metrics", _around_report)
    elif hasattr(module, "profiling_context"):
        attaching.patch(module, "profiling_context", _around_context)


def _around_report(wrapped: Any, context: Any, args: Any, kwargs: Any) -> Any:
    """TRL reports what a context took: we record it first."""
    name = getattr(context, "name", None)
    if args and name:
        prefix = getattr(context, "metric_prefix", PREFIX)
        took(f"{prefix}: {name}", args[0], getattr(context, "step", None))
    return wrapped(*args, **kwargs)


def _around_context(wrapped: Any, module: Any, args: Any, kwargs: Any) -> Any:
    return _measured(wrapped(*args, **kwargs), *args, **kwargs)


@contextlib.contextmanager
def _measured(context: Any, trainer: Any, name: str) -> Iterator[Any]:
    begin = time.perf_counter()
    with context as given:
        yield given
    key = f"{PREFIX}: {type(trainer).__name__}.{name}"
    took(key, time.perf_counter() - begin, trainer.state.global_step)

"""The instrumentor that `opentelemetry-instrument` finds by its entry point."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from otel_trackio.offer import offer
from otel_trackio.trainer import attaching, profiling


class TrainerInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Every `transformers.Trainer`, and so every trainer of TRL. It imports neither of them."""

    def instrumentation_dependencies(self) -> Collection[str]:
        return ("transformers >= 4.56",)

    def _instrument(self, **kwargs: Any) -> None:
        """`kwargs` are arguments of `otel_trackio.init`."""
        offer()
        attaching.attach(kwargs)
        wrapt.register_post_import_hook(profiling.watch, profiling.MODULE)

    def _uninstrument(self, **kwargs: Any) -> None:
        attaching.detach()

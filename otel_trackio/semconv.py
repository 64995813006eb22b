"""Every attribute key, scope and metric name that otel_trackio itself writes."""

from __future__ import annotations

from typing import Final

# Attributes on points and exemplars.
TRAINING_STEP: Final = "training.step"
TRACKIO_KEY: Final = "otel_trackio.key"

# Instrumentation scopes: `log()` points, and their mirror for other readers.
LOG_SCOPE: Final = "otel_trackio.log"
SYSTEM_SCOPE: Final = "otel_trackio.system"
SELF_SCOPE: Final = "otel_trackio"

# What the recorder counts about itself, by reason.
NONFINITE: Final = "training.nonfinite"

# Set by the OpenTelemetry SDK on the point that merges series over its limit.
OVERFLOW: Final = "otel.metric.overflow"

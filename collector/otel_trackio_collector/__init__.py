"""The collector: OpenTelemetry in, run files and other backends out."""

from __future__ import annotations

__all__: list[str] = []

"""The dashboard, on a laptop or as a Hugging Face Space: `otel-trackio show`."""

from __future__ import annotations

__all__: list[str] = []

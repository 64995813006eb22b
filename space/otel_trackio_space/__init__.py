"""The dashboard, on a laptop or as a Hugging Face Space. Nothing in it yet."""

from __future__ import annotations

__all__: list[str] = []

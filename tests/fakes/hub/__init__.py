"""A stand-in for the Hugging Face Hub: `python -m tests.fakes.hub --port 8123`, or `Hub` in a test.

It answers the real `huggingface_hub` client in every way that it uploads: inline, LFS, and xet,
of which it is the store, too. What it cannot show is how the real Hub's limits, caches, latency
and permissions behave, and whether its words are still the same.
"""

from __future__ import annotations

from tests.fakes.hub.gate import Exchange
from tests.fakes.hub.server import Hub

__all__ = ["Exchange", "Hub"]

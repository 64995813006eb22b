"""Lets libraries know us by name, should they be imported: `report_to="otel_trackio"`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

TAKERS: Final = {
    "transformers.integrations.integration_utils": "otel_trackio.trainer.attaching:offer",
    "accelerate.tracking": "otel_trackio.accelerate:offer",
}
"""Where a library looks up what it may log to, and what adds us there.

That is a name, as it loads the library; here nothing does.
"""


def offer() -> None:
    """Calling it again changes nothing."""
    there = {name: taker for name, taker in TAKERS.items() if find_spec(name.partition(".")[0])}
    if not there:
        return
    from wrapt import register_post_import_hook  # Not light, and of no use without them.

    for name, taker in there.items():
        register_post_import_hook(taker, name)

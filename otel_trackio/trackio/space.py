"""Where the metrics of a run go whose user names a Space."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Final

from otel_trackio import announce, remotes
from otel_trackio.remote import BUCKETS, DATASETS
from otel_trackio.run import Run
from otel_trackio.settings import resolve

SUFFIX: Final = "-data"
"""What the name of a Space's Dataset ends in, after the Space's own."""

FACT: Final = "trackio.space_id"
"""Key of a run's resource that names its Space."""


@dataclass(frozen=True, slots=True)
class Place:
    """The Space that was named, if any, and arguments of `otel_trackio.init` that name a place."""

    space_id: str | None = None
    destination: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str | None:
        """The page on the Hub of what it is synced to, if any."""
        settings = resolve(self.destination, os.environ)
        name = remotes.named(settings) if settings.mode == "online" else ""
        if not name.startswith((DATASETS, BUCKETS)) or name.count("/") < 4:
            return None  # Whose a bare name is, only the Hub knows.
        hub = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        return f"{hub}/{name.removeprefix('hf://')}"

    def remember(self, run: Run) -> None:
        """Notes the Space with the run, and says what it is good for."""
        if self.space_id is None or run.state != "running":
            return
        run.put_event("resource", {FACT: self.space_id})
        settings = resolve(self.destination, os.environ)
        if not settings.silent:
            read = remotes.named(settings)
            announce.say(f"space {self.space_id} is to show this run, from {read}")


def dataset_of(space_id: str) -> str:
    """The Dataset that a Space reads."""
    return f"{space_id}{SUFFIX}"


def place_of(space_id: str | None, dataset_id: str | None, bucket_id: str | None) -> Place:
    """What a user names, or their environment, the more particular first."""
    space_id = space_id or os.environ.get("TRACKIO_SPACE_ID", "").strip() or None
    named = {"dataset_id": dataset_id, "bucket_id": bucket_id}
    given: dict[str, Any] = {key: value for key, value in named.items() if value}
    if space_id and not given and not remotes.named(resolve({}, os.environ)):
        given = {"dataset_id": dataset_of(space_id)}
    return Place(space_id, given)

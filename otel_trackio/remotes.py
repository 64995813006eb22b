"""Choosing a remote by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from otel_trackio.errors import ConfigError
from otel_trackio.remote import Folder, Remote
from otel_trackio.settings import Settings

DATASETS: Final = "hf://datasets/"
BUCKETS: Final = "hf://buckets/"


def remote_of(name: str) -> Remote:
    """The remote called `hf://datasets/USER/NAME`, `hf://buckets/USER/NAME`, or a folder's path.

    Raises ConfigError for a name of another kind.
    """
    if name.startswith(DATASETS):
        from otel_trackio.hub import HubDataset  # Loads huggingface_hub, which is not light.

        return HubDataset(name.removeprefix(DATASETS))
    if name.startswith(BUCKETS):
        from otel_trackio.bucket import HubBucket

        return HubBucket(name.removeprefix(BUCKETS))
    if "://" in name:
        raise ConfigError(
            f"cannot sync to {name!r}", f"give {DATASETS}USER/NAME, {BUCKETS}USER/NAME or a folder"
        )
    return Folder(Path(name).expanduser().absolute())


def configured(settings: Settings) -> Remote | None:
    """The remote that the settings name, if any; nothing is synced offline.

    Raises ConfigError where they name several.
    """
    named = {
        "remote": settings.remote,
        "dataset_id": settings.dataset_id and DATASETS + settings.dataset_id,
        "bucket_id": settings.bucket_id and BUCKETS + settings.bucket_id,
    }
    given = {setting: name for setting, name in named.items() if name}
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} are both set", "give one of them")
    if settings.mode != "online" or not given:
        return None
    return remote_of(next(iter(given.values())))

"""Choosing a remote by its name."""

from __future__ import annotations

from pathlib import Path

from otel_trackio.errors import ConfigError
from otel_trackio.remote import BUCKETS, DATASETS, Folder, Remote
from otel_trackio.settings import Settings


def remote_of(name: str, private: bool = True) -> Remote:
    """The remote called `hf://datasets/USER/NAME`, `hf://buckets/USER/NAME`, or a folder's path.

    `private` says what a place on the Hub is made, where there is none yet. Raises ConfigError for
    a name of another kind.
    """
    if name.startswith(DATASETS):
        from otel_trackio.hub import HubDataset  # Loads huggingface_hub, which is not light.

        return HubDataset(name.removeprefix(DATASETS), private=private)
    if name.startswith(BUCKETS):
        from otel_trackio.bucket import HubBucket

        return HubBucket(name.removeprefix(BUCKETS), private=private)
    if "://" in name:
        raise ConfigError(
            f"{name!r} is no remote", f"give {DATASETS}USER/NAME, {BUCKETS}USER/NAME or a folder"
        )
    return Folder(_folder(name))


def configured(settings: Settings) -> Remote | None:
    """The remote that the settings name, if any; nothing is synced offline. Raises ConfigError."""
    name = named(settings)
    return remote_of(name, settings.private) if name and settings.mode == "online" else None


def named(settings: Settings) -> str:
    """What the settings call the remote, online or not; empty where they name none.

    Raises ConfigError where they name several.
    """
    names = {
        "remote": settings.remote,
        "dataset_id": settings.dataset_id and DATASETS + settings.dataset_id,
        "bucket_id": settings.bucket_id and BUCKETS + settings.bucket_id,
    }
    given = {setting: name for setting, name in names.items() if name}
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} are both set", "give one of them")
    name = next(iter(given.values()), "")
    return str(_folder(name)) if name and "://" not in name else name


def same(one: str, other: str) -> bool:
    """Whether two names are of one remote, as far as can be told without asking whose a bare is."""
    if one == other:
        return True
    for scheme in (DATASETS, BUCKETS):
        if one.startswith(scheme) and other.startswith(scheme):
            names = [each.removeprefix(scheme).split("/") for each in (one, other)]
            return names[0][-1] == names[1][-1] and min(map(len, names)) == 1
    return False


def _folder(name: str) -> Path:
    return Path(name).expanduser().absolute()

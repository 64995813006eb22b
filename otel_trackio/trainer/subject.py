"""What is trained, and on what: names that people know."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Final

_FROM_HUB: Final = re.compile(r"hf://datasets/([^@]+)@")

_FORMATS: Final = frozenset(
    ("", "arrow", "csv", "generator", "imagefolder", "json", "pandas", "parquet", "text")
)
"""What `datasets` calls a dataset that has no name of its own."""


def about_model(model: Any) -> dict[str, Any]:
    """The model's name, its size, and its adapter if it has one."""
    if model is None:
        return {}
    about: dict[str, Any] = {"model": _model_name(model)}
    if parameters := parameters_of(model):
        about["parameters"] = parameters
    adapters = getattr(model, "peft_config", None)
    if isinstance(adapters, dict) and adapters:
        about["adapter"] = next(iter(adapters.values())).to_dict()
    return about


def parameters_of(model: Any) -> int:
    """How many parameters it has, on all ranks together; 0 where it does not say."""
    counted = getattr(model, "num_parameters", None)
    if not callable(counted):
        return 0
    with suppress(Exception):  # What has no size yet has none.
        # DeepSpeed leaves a rank its part of each, and a note of how large the whole is.
        whole: list[Any] = [getattr(each, "ds_numel", None) for each in model.parameters()]
        return sum(whole) if whole and None not in whole else int(counted())
    return 0


def _model_name(model: Any) -> str:
    for each in (getattr(model, "config", None), model):
        name = getattr(each, "_name_or_path", None) or getattr(each, "name_or_path", None)
        if isinstance(name, str) and name:
            return name
    return type(model).__name__


def dataset_name(dataloader: Any) -> str:
    """The name of what a loader reads; empty where it has none."""
    info = getattr(getattr(dataloader, "dataset", None), "info", None)
    for url in getattr(info, "download_checksums", None) or ():
        if found := _FROM_HUB.match(url):
            return found[1]
    name = getattr(info, "dataset_name", None) or getattr(info, "builder_name", None) or ""
    return "" if name in _FORMATS else str(name)

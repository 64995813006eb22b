"""The names that a trainer's numbers are shown under. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

EVALUATIONS: Final = ("eval", "test")
"""What transformers begins the names of its evaluations and predictions with."""


@lru_cache(4096)
def display_key(key: str) -> str:
    """`eval_loss` is shown as `eval/loss`, `loss` as `train/loss`: the rule of transformers."""
    for phase in EVALUATIONS:
        if key.startswith(f"{phase}_"):
            return f"{phase}/{key[len(phase) + 1 :]}"
    return f"train/{key}"


def is_evaluation(keys: Iterable[str]) -> bool:
    """Whether these are the numbers of an evaluation, whatever prefix it was given."""
    return any(
        key.startswith(("eval_", "test_")) or (key.endswith("_runtime") and key != "train_runtime")
        for key in keys
    )

"""A trainer's arguments as the config of a run: what its user set stands out. Pure."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Final

from otel_trackio.plain import plain

DERIVED: Final = frozenset(
    (
        "_n_gpu",
        "activation_checkpointing",
        "dataloader_pin_memory",
        "deepspeed_plugin",
        "disable_tqdm",
        "do_eval",
        "fsdp_config",
        "local_rank",
        "logging_dir",
        "output_dir",
        "pad_to_multiple_of",
        "report_to",
        "run_name",
    )
)
"""Fields that transformers fills in by itself, or that say nothing of what is trained."""

_NOTHING: Final[tuple[Any, ...]] = ("", "no", "none", [], {})


def config_of(args: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments that differ from their defaults, and the rest of them."""
    chosen: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    if not is_dataclass(args):
        return chosen, rest
    for field in fields(args):
        value = getattr(args, field.name, None)
        is_set = field.name not in DERIVED and _is_set(field, value)
        (chosen if is_set else rest)[field.name] = value
    return chosen, rest


def _is_set(field: Field[Any], value: Any) -> bool:
    default = field.default_factory() if callable(field.default_factory) else field.default
    if default is MISSING:
        return value is not None
    if default is None and is_dataclass(value) and not isinstance(value, type):
        default = _fresh(type(value))  # transformers puts an object of defaults in its place.
    one, other = plain(value), plain(default)
    if _is_nothing(one) and _is_nothing(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return any(one[key] != other[key] for key in one.keys() & other.keys())
    return one != other


def _is_nothing(value: Any) -> bool:
    """Whether it says no in one of the ways that transformers takes for the same."""
    return value is None or value is False or value in _NOTHING


def _fresh(kind: Any) -> Any:
    try:
        return kind()
    except TypeError:  # It cannot be made of nothing, so somebody set it.
        return None

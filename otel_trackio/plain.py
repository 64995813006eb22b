"""Any configuration value as one that JSON can hold."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import singledispatch
from pathlib import PurePath
from types import FunctionType, NoneType, SimpleNamespace
from typing import Any, Final, TypeAlias

from otel_trackio.errors import ConfigError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MAX_DEPTH: Final = 20
"""Containers within containers; what is deeper becomes text."""

MAX_ITEMS: Final = 10_000
"""Items of one container or array; what has more becomes text."""

MAX_INTEGER_BITS: Final = 4096
"""Bits of an integer; what is larger becomes text."""

MAX_TEXT: Final = 500
"""Characters of the text that stands for any other value; the rest is cut."""


def plain(value: object) -> Json:
    """`value` as None, bool, int, finite float, str, or lists and string-keyed dicts of them.

    Enums become their values; paths, classes and functions text; numpy and torch scalars and
    arrays numbers; dataclasses, namespaces and objects with `to_dict` dicts; sets sorted lists;
    NaN and infinities "NaN", "Infinity", "-Infinity"; anything else its repr. Never raises.
    """
    return _plain(value, ())


def mapping_of(value: object) -> dict[str, Any]:
    """The fields of a mapping, a namespace, a dataclass or an object with `to_dict`; of None, none.

    Raises ConfigError for anything else.
    """
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {str(key): each for key, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    if callable(convert := getattr(value, "to_dict", None)):
        return dict(convert())
    if isinstance(value, Namespace | SimpleNamespace):
        return dict(vars(value))
    raise ConfigError(
        f"config {_shown(value)[:80]} is a {type(value).__name__}",
        "pass a dict of names and values",
    )


Convert = Callable[[object], Json]


def _plain(value: object, around: tuple[int, ...]) -> Json:
    """`around` holds the ids of the containers that `value` is in."""
    try:
        if id(value) in around:
            return "[cycle]"
        if len(around) == MAX_DEPTH:
            return _shown(value)
        return _convert(value, lambda part: _plain(part, (*around, id(value))))
    except Exception:  # noqa: BLE001 (a `to_dict` or property of others may raise anything)
        return _shown(value)


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 (and so may their `__repr__`)
        text = f"<{type(value).__name__}>"
    return _utf8(text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}...")


def _utf8(text: str) -> str:
    """`text` without lone surrogates, which no store takes."""
    return text.encode("utf-8", "backslashreplace").decode()


@singledispatch
def _convert(value: Any, part: Convert) -> Json:
    # What has a length is a table or a dataset, whose `to_dict` would copy all of the data.
    if hasattr(value, "to_dict") and not hasattr(value, "__len__"):
        return part(value.to_dict())
    if is_dataclass(value):
        return {field.name: part(getattr(value, field.name)) for field in fields(value)}
    if hasattr(value, "tolist") and math.prod(value.shape) <= MAX_ITEMS:
        return part(value.tolist())
    return _shown(value)


@_convert.register(NoneType)
@_convert.register(bool)
def _constant(value: bool | None, part: Convert) -> Json:
    return value


@_convert.register(int)
def _int(value: int, part: Convert) -> Json:
    # Python refuses to write integers of more than 4,300 digits.
    size = value.bit_length()
    return int(value) if size <= MAX_INTEGER_BITS else f"[integer of {size} bits]"


@_convert.register(float)
def _float(value: float, part: Convert) -> Json:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(value)


@_convert.register(str)
def _str(value: str, part: Convert) -> Json:
    return _utf8(str.__str__(value))  # `str` of an enum that is a string names the enum.


@_convert.register(PurePath)
def _path(value: PurePath, part: Convert) -> Json:
    return _utf8(str(value))


@_convert.register(Enum)
def _enum(value: Enum, part: Convert) -> Json:
    return part(value.value)


@_convert.register(type)
@_convert.register(FunctionType)
def _definition(value: type | FunctionType, part: Convert) -> Json:
    return f"{value.__module__}.{value.__qualname__}"


@_convert.register(bytes)
@_convert.register(bytearray)
def _bytes(value: bytes | bytearray, part: Convert) -> Json:
    return _shown(value)


@_convert.register(Namespace)
@_convert.register(SimpleNamespace)
def _namespace(value: object, part: Convert) -> Json:
    return part(vars(value))


@_convert.register(Mapping)
@_convert.register(Sequence)
@_convert.register(Set)
def _container(value: Mapping[Any, Any] | Sequence[Any] | Set[Any], part: Convert) -> Json:
    if len(value) > MAX_ITEMS:
        return _shown(value)
    if isinstance(value, Mapping):
        return {_utf8(str(key)): part(item) for key, item in value.items()}
    parts = [part(item) for item in value]
    return sorted(parts, key=repr) if isinstance(value, Set) else parts

"""Which metrics an exporter gets: by their names, and by attributes of their resource."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cache
from re import compile
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otel_trackio_collector.framing import DELIMITED, Field, delimited, fields

MOST_NAMES: Final = 10_000
"""How many names are remembered with what was decided on them."""

REQUEST_RESOURCES, RESOURCE, RESOURCE_SCOPES, SCOPE_METRICS, METRIC_NAME = 1, 1, 2, 2, 1
"""Field numbers on the way from a request to a metric's name."""

Patterns = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """Shell patterns (`*`, `?`, `[ab]`) for names of metrics, and for attributes of resources.

    An attribute that is no text is matched as OTLP's JSON would show it: true, 7, 0.5.
    """

    metrics: Patterns = ()
    resource: Mapping[str, Patterns] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.metrics or self.resource)


@dataclass(frozen=True, slots=True)
class Selection:
    """A metric goes out if it fits all that `include` names, and nothing that `exclude` names."""

    include: Rule = Rule()
    exclude: Rule = Rule()

    def __bool__(self) -> bool:
        return bool(self.include or self.exclude)

    def metric(self, name: str) -> bool:
        wanted = not self.include.metrics or _fits(self.include.metrics, name)
        return wanted and not _fits(self.exclude.metrics, name)

    def resource(self, resource: Resource) -> bool:
        held = {each.key: plain(each.value) for each in resource.attributes}

        def fits(key: str, patterns: Patterns) -> bool:
            return key in held and _fits(patterns, held[key])

        wanted = all(fits(*each) for each in self.include.resource.items())
        return wanted and not any(fits(*each) for each in self.exclude.resource.items())


def selecting(selection: Selection) -> Callable[[bytes], bytes]:
    """What makes of a request the request that holds what is selected; empty where nothing is.

    It remembers names, so one serves one exporter.
    """
    known: dict[bytes, bool] = {}

    def metric(body: bytes) -> bytes:
        name = b""
        for each in fields(body):  # Where it stands there twice, the last one counts.
            if each.number == METRIC_NAME and each.wire == DELIMITED:
                name = body[each.value : each.end]
        if name not in known:
            if len(known) >= MOST_NAMES:
                known.clear()
            known[name] = selection.metric(name.decode("utf-8", "replace"))
        return body if known[name] else b""

    def scope(body: bytes) -> bytes:
        return _filtered(body, SCOPE_METRICS, metric)

    def resource(body: bytes) -> bytes:
        if selection.include.resource or selection.exclude.resource:
            parts = [body[each.value : each.end] for each in fields(body) if _is_resource(each)]
            if not selection.resource(Resource.FromString(b"".join(parts))):
                return b""
        return _filtered(body, RESOURCE_SCOPES, scope)

    return lambda body: _filtered(body, REQUEST_RESOURCES, resource)


def _filtered(body: bytes, number: int, child: Callable[[bytes], bytes]) -> bytes:
    """The message with those children that have something left; empty where none has.

    It is itself, byte for byte, where all stay as they are.
    """
    kept: list[bytes] = []
    some = changed = False
    for each in fields(body):
        whole = body[each.start : each.end]
        if each.number == number and each.wire == DELIMITED:
            before = body[each.value : each.end]
            after = child(before)
            changed |= len(after) != len(before)
            if not after:
                continue
            some = True
            whole = whole if len(after) == len(before) else delimited(number, after)
        kept.append(whole)
    if not some:
        return b""
    return b"".join(kept) if changed else body


def _is_resource(each: Field) -> bool:
    return each.number == RESOURCE and each.wire == DELIMITED


def plain(value: AnyValue) -> str:
    """An attribute's value as text."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    return str(getattr(value, kind)).strip() if kind else ""


def _fits(patterns: Patterns, text: str) -> bool:
    return any(_matcher(each)(text) for each in patterns)


@cache
def _matcher(pattern: str) -> Callable[[str], object]:
    return compile(translate(pattern)).match

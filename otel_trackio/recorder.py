"""The `log()` path: one dict of metrics into one journal frame, on the training thread.

The usual call, whose keys and types were seen before, costs two tuples, a lookup, one pack and one
copy. Everything else takes the slow path once, and never raises into training.
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final, SupportsIndex

import numpy as np

from otel_trackio import frames, semconv, steps
from otel_trackio.attachments import Attachments, TooLarge
from otel_trackio.diagnostics import Diagnostics
from otel_trackio.errors import ConfigError
from otel_trackio.frames import Layout, number_to_json
from otel_trackio.journal import Journal
from otel_trackio.media import Media, NotShown, shown
from otel_trackio.model import NO_STEP
from otel_trackio.text import storable
from otel_trackio.values import Histogram, Number, Unsupported, flatten, number_of

LAST_STEP: Final = -NO_STEP - 1
"""The greatest step; counting stays there."""

MAX_LAYOUTS: Final = 4096
"""Shapes of `log()` call that get a packed layout; calls of further shapes are stored as JSON."""

_CODES: Final[dict[type, str]] = {
    float: "d",
    int: "q",
    bool: "?",
    np.float64: "d",
    np.float32: "d",
    np.float16: "d",
    np.bool_: "?",
    **{np.dtype(code).type: "q" for code in "bhilqBHI"},
}

Shape = tuple[str, tuple[Any, ...], tuple[type, ...]]


class Recorder:
    """Writes what is logged to the journal. Any thread may call it."""

    def __init__(
        self,
        journal: Journal,
        files: Attachments,
        diagnostics: Diagnostics,
        first_step: int = 0,
    ) -> None:
        self._journal = journal
        self._files = files
        self._diagnostics = diagnostics
        self._next_step = first_step
        self._layouts: dict[Shape, Layout] = {}
        # Its `next` is atomic: threads and signal handlers that meet here get ids of their own.
        self._layout_ids = count(frames.FIRST_LAYOUT)

    @property
    def next_step(self) -> int:
        """The step of the next call that names none."""
        return self._next_step

    def log(self, metrics: Mapping[str, Any], at: SupportsIndex | None = None) -> None:
        """Records it at a step: `at`, else the current step, else one more than the last."""
        now = time.time_ns()
        shape = (semconv.LOG_SCOPE, tuple(metrics), tuple(map(type, metrics.values())))
        with self._journal.lock:
            number = self._step(at)
            self._next_step = min(number + 1, LAST_STEP)
            known = self._layouts.get(shape)
            if known is not None and self._packed(known, now, number, metrics):
                return
        self._log_any(shape, metrics, now, number)

    def log_system(self, metrics: Mapping[str, Any]) -> None:
        """Records what belongs to a time and to no step."""
        shape = (semconv.SYSTEM_SCOPE, tuple(metrics), tuple(map(type, metrics.values())))
        self._log_any(shape, metrics, time.time_ns(), NO_STEP)

    def put_entry(self, content: Mapping[str, Any], at: int = NO_STEP) -> None:
        """Records an event, a record or anything else that is JSON."""
        body = json.dumps(content).encode()
        if len(body) > self._journal.max_frame:
            self._diagnostics.error(
                "dropped.too_large",
                f"{content['entry']} of {len(body)} bytes is larger than a quarter of the journal"
                " and was dropped: raise OTEL_TRACKIO_JOURNAL_SIZE",
            )
        else:
            self._count(1, self._journal.put_body(frames.ENTRY, time.time_ns(), at, body))

    def step_of(self, at: SupportsIndex | None) -> int:
        """The step of something beside the metrics: `at`, the current one, or the last logged."""
        if at is None and steps.current_step() is None:
            return self._next_step - 1 if self._next_step > 0 else NO_STEP
        return self._step(at)

    def _step(self, at: SupportsIndex | None) -> int:
        if type(at) is int and NO_STEP < at < -NO_STEP:
            return at
        try:
            if at is not None:
                return steps.valid_step(at)
            current = steps.current_step()
            return self._next_step if current is None else current
        except ConfigError as error:
            self._diagnostics.error(
                "bad_step", f"{error}: recorded at step {self._next_step}", error
            )
            return self._next_step

    def _packed(self, layout: Layout, now: int, number: int, metrics: Mapping[str, Any]) -> bool:
        try:
            kept = self._journal.put(layout, now, number, tuple(metrics.values()))
        except struct.error:  # An integer beyond int64.
            return False
        self._count(len(metrics), kept)
        return True

    def _log_any(self, shape: Shape, metrics: Mapping[str, Any], now: int, number: int) -> None:
        layout = self._layout(shape)
        if layout is not None and self._packed(layout, now, number, metrics):
            return
        scope = shape[0]
        numbers = self._numbers(metrics, now, number)
        shape = (scope, tuple(numbers), tuple(map(type, numbers.values())))
        layout = self._layout(shape)
        if layout is None or not self._packed(layout, now, number, numbers):
            self._put_numbers(scope, list(numbers.items()), now, number)

    def _layout(self, shape: Shape) -> Layout | None:
        """The layout for a shape of plain numbers, defined in the journal at its first use."""
        known = self._layouts.get(shape)
        scope, keys, types = shape
        if known is not None or not keys or len(self._layouts) >= MAX_LAYOUTS:
            return known
        codes = "".join(_CODES.get(each, "-") for each in types)
        if "-" in codes or not all(map(_is_plain_text, keys)):
            return None
        layout = Layout(next(self._layout_ids), keys, codes, scope)
        definition = layout.definition()
        if max(len(definition), layout.frame_bytes) > self._journal.max_frame:
            return None
        if not self._journal.put_body(frames.DEFINITION, 0, NO_STEP, definition):
            return None
        self._layouts[shape] = layout
        return layout

    def _numbers(self, metrics: Mapping[str, Any], now: int, at: int) -> dict[str, Number]:
        numbers: dict[str, Number] = {}
        for key, value in flatten(metrics):
            try:
                if isinstance(value, Histogram):
                    if value.problem:
                        raise Unsupported(value.problem)
                    self._put_histogram(key, value, at)
                elif media := _media(value):
                    for each in media:
                        self._put_media(key, each, at)
                else:
                    numbers[key] = number_of(value)
            except Unsupported as reason:
                self._skip(key, reason)
        return numbers

    def _skip(self, key: str, reason: Exception) -> None:
        self._diagnostics.count("skipped.unsupported")
        self._diagnostics.warn_once(f"skipped {key}", f"metric {key!r} {reason}; skipped")

    def _put_histogram(self, key: str, histogram: Histogram, at: int) -> None:
        self.put_entry({"entry": frames.HISTOGRAM, "key": key, "data": histogram.data}, at)

    def _put_media(self, key: str, media: Media, at: int) -> None:
        try:
            data = shown(media, self._files)
        except TooLarge as reason:
            told = f"{media.kind} {key!r} {reason}; it was dropped"
            self._diagnostics.error("dropped.too_large", told)
        except OSError as error:
            told = f"{media.kind} {key!r} was dropped, as its file cannot be written: {error}"
            self._diagnostics.error("dropped.file", f"{told}; free the disk")
        except NotShown as reason:
            self._skip(key, reason)
        else:
            self.put_entry(
                {"entry": frames.RECORD, "kind": media.kind, "key": key, "data": data}, at
            )

    def _put_numbers(
        self, scope: str, numbers: list[tuple[str, Number]], now: int, at: int
    ) -> None:
        """Numbers as JSON: exact at any size. A call too large for a frame is split."""
        if not numbers:
            return
        values = [(key, number_to_json(value)) for key, value in numbers]
        body = json.dumps({"entry": frames.POINTS, "scope": scope, "values": values}).encode()
        if len(body) <= self._journal.max_frame:
            self._count(len(numbers), self._journal.put_body(frames.ENTRY, now, at, body))
        elif len(numbers) == 1:
            self._count(1, False)
        else:
            middle = len(numbers) // 2
            self._put_numbers(scope, numbers[:middle], now, at)
            self._put_numbers(scope, numbers[middle:], now, at)

    def _count(self, amount: int, kept: bool) -> None:
        if not kept:
            self._diagnostics.error(
                "dropped.journal_full",
                "the journal is full and cannot be stored, metrics are dropped: free the disk,"
                " or raise OTEL_TRACKIO_JOURNAL_SIZE",
                amount=amount,
            )


def _media(value: Any) -> Sequence[Media]:
    """What of a value becomes records: itself, or each one of a list."""
    if isinstance(value, Media):
        return (value,)
    several = isinstance(value, list | tuple) and all(isinstance(each, Media) for each in value)
    return value if several else ()


def _is_plain_text(key: Any) -> bool:
    return type(key) is str and storable(key) == key

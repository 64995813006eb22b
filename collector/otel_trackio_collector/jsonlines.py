"""The `file` exporter: a request a line, in OTLP's JSON, in files of bounded size and number."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from otel_trackio.peer import Retryable
from otel_trackio_collector.forwarding import Sent
from otel_trackio_collector.requestlog import Entry

STAMP: Final = "%Y-%m-%dT%H-%M-%S.%f"
"""What a file that is full is named by: NAME-STAMP.SUFFIX, UTC."""

KINDS: Final = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")


@dataclass(frozen=True, slots=True)
class Rotation:
    """A file of `max_megabytes` is put aside; `max_backups` such files are kept, and none older
    than `max_days`. 0 is no limit."""

    max_megabytes: float = 100.0
    max_days: float = 0.0
    max_backups: int = 100


class JsonLines:
    """Appends to `path`. A line is on the disk before the log forgets its request."""

    def __init__(self, name: str, path: Path, rotation: Rotation | None = None) -> None:
        self.name = name
        self._path = path
        self._rotation = rotation or Rotation()
        self._file: BinaryIO | None = None

    def export(self, entries: Sequence[Entry]) -> Sent:
        """See `Exporter`. A line that a crash or a full disk cut short is taken back."""
        lines = [line(each.body) for each in entries]
        try:
            for each in lines:
                self._opened(len(each)).write(each)
            if self._file is not None:
                self._file.flush()
                os.fsync(self._file.fileno())
        except OSError as error:
            self.close()
            raise Retryable(f"cannot write {self._path}: {error}") from error
        return Sent(sum(each.points for each in entries))

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError:
                return  # What it held is not acknowledged, and comes again.

    def _opened(self, more: int) -> BinaryIO:
        """The file, with room for so many bytes more."""
        file = self._file or self._open()
        limit = self._rotation.max_megabytes * 1_000_000
        if limit and file.tell() and file.tell() + more > limit:
            file.flush()
            os.fsync(file.fileno())
            file.close()
            self._file = None
            self._put_aside()
            file = self._open()
        return file

    def _open(self) -> BinaryIO:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("a+b")
        file.truncate(_whole_lines(file))
        file.seek(0, os.SEEK_END)
        self._file = file
        return file

    def _put_aside(self) -> None:
        stamp = datetime.now(UTC).strftime(STAMP)
        self._path.rename(self._path.with_name(f"{self._path.stem}-{stamp}{self._path.suffix}"))
        aside = sorted(self._aside(), reverse=True)
        kept = self._rotation.max_backups or len(aside)
        days = self._rotation.max_days
        oldest = datetime.now(UTC) - timedelta(days=days) if days else None
        for place, (moment, path) in enumerate(aside):
            if place >= kept or (oldest is not None and moment < oldest):
                path.unlink(missing_ok=True)

    def _aside(self) -> Iterator[tuple[datetime, Path]]:
        """The files that were put aside, and when. Others of such a name are let alone."""
        for path in self._path.parent.glob(f"{self._path.stem}-*{self._path.suffix}"):
            stamp = path.name[len(self._path.stem) + 1 : len(path.name) - len(path.suffix)]
            try:
                yield datetime.strptime(stamp, STAMP).replace(tzinfo=UTC), path
            except ValueError:
                continue


def line(body: bytes) -> bytes:
    """A request as one line of OTLP JSON: enums are numbers, ids of spans are hexadecimal."""
    request = ExportMetricsServiceRequest.FromString(body)
    plain = MessageToDict(request, use_integers_for_enums=True)
    for exemplar in _exemplars(plain):
        for name in ("traceId", "spanId"):
            if name in exemplar:
                exemplar[name] = base64.b64decode(exemplar[name]).hex()
    return orjson.dumps(plain) + b"\n"


def _exemplars(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in request.get("resourceMetrics", ()):
        for scope in resource.get("scopeMetrics", ()):
            for metric in scope.get("metrics", ()):
                for kind in KINDS:
                    for point in metric.get(kind, {}).get("dataPoints", ()):
                        yield from point.get("exemplars", ())


def _whole_lines(file: BinaryIO, block: int = 1 << 16) -> int:
    """How many bytes of a file are whole lines."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - block)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0

"""Reading all that a remote holds of a writer: each of its numbers once, whatever lies there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from otel_trackio.catalog import Span
from otel_trackio.download import Spot, whole
from otel_trackio.errors import StoreError
from otel_trackio.missing import missing_after
from otel_trackio.remote import Entry

Tables: TypeAlias = Mapping[str, pa.Table]


@dataclass(slots=True)
class Reading:
    """Iterated, it gives the spans that are sound, and of each what those before it had not.

    `useless` are the files of spans that are not what they say; `error`, once it has come to its
    end, is why there is no more of the writer.
    """

    spot: Spot
    spans: Sequence[Span]
    read: Callable[[Entry], bytes]
    useless: dict[frozenset[str], StoreError] = field(default_factory=dict)
    error: StoreError | None = None

    def __iter__(self) -> Iterator[tuple[Span, Tables]]:
        """Raises RemoteError."""
        number, useless = 0, -1
        while useless < len(self.useless):
            useless = len(self.useless)
            missing = missing_after(number, self.spot, self.spans, self.useless)
            self.error = missing.error
            for span in missing.spans:
                tables = self._tables(span)
                if tables is None:
                    break
                if span.first <= number:
                    tables = {name: _above(number, rows) for name, rows in tables.items()}
                yield span, tables
                number = span.last

    def _tables(self, span: Span) -> Tables | None:
        try:
            files = {table: self.read(entry) for table, entry in span.files.items()}
            return whole(self.spot, span, files)
        except StoreError as error:
            self.useless[span.paths] = error
            return None


def _above(number: int, rows: pa.Table) -> pa.Table:
    return rows.filter(pc.greater(rows["seq"], number))

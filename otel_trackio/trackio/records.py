"""What may be logged beside numbers, made as Trackio makes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from otel_trackio import media, table, values
from otel_trackio.image import Image as Image
from otel_trackio.importing.histograms import between
from otel_trackio.media import Trace as Trace

MAX_BINS: Final = 512
"""Bins of a histogram at most."""


class Table(table.Table):
    """A table to log; `optional`, `allow_mixed_types` and `log_mode` change nothing."""

    def __init__(
        self,
        columns: Sequence[Any] | None = None,
        data: Any = None,
        dataframe: Any = None,
        rows: Any = None,
        optional: bool | Sequence[bool] = True,
        allow_mixed_types: bool = False,
        log_mode: str = "IMMUTABLE",
    ) -> None:
        super().__init__(columns, data, dataframe, rows)


class Markdown(media.Markdown):
    """A text to log."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)


class Histogram(values.Histogram):
    """A distribution to log: of a sequence, or as numpy's `(counts, edges)`."""

    def __init__(
        self,
        sequence: Any = None,
        np_histogram: tuple[Any, Any] | None = None,
        num_bins: int = values.DEFAULT_BINS,
    ) -> None:
        super().__init__([] if sequence is None else sequence, min(num_bins, MAX_BINS))
        if (sequence is None) == (np_histogram is None):
            self.problem = "is no histogram: give a sequence or np_histogram, and not both"
        elif np_histogram is not None:
            counts, edges = (np.asarray(each, np.float64).tolist() for each in np_histogram)
            made = between(edges, counts)
            if made is None:
                self.problem = "is no histogram: give whole counts between rising edges"
            else:
                self.data = made

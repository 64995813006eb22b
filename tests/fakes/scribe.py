"""A writer whose run file a test fills row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from otel_trackio import layout
from otel_trackio.attachments import Attachments
from otel_trackio.chunk import column_of
from otel_trackio.model import NO_STEP, Columns, Event, Histogram, Points, Record, Series
from otel_trackio.runfile import RunFile

START: Final = 1_750_000_000_000_000_000
KEYS: Final = ("loss", "n", "odd")
STRANGE: Final = (float("nan"), 2**70, -0.0, 7, float("-inf"))


class Scribe:
    """Writes to the run file `file`, which folds so early that some of everything is chunks."""

    def __init__(self, dir: Path, name: str = "w", run: str = "r", fold_at: int = 64) -> None:
        self.path = layout.run_file(dir, run, name)
        meta = {"run_id": run, "writer": name, "attempt": 1, "rank": 0, "created_ns": START}
        meta |= {"part": "main", "host": "here", "boot_id": "b", "pid": 1}
        self.file = RunFile.create(self.path, meta, fold_at)

    def reopen(self) -> None:
        """As after a crash: what the object knew is gone, the file is there."""
        self.file.close()
        self.file = RunFile.open(self.path)

    def points(self, amount: int) -> None:
        """So many: a float each, an integer each, and what is neither."""
        with self.file.transaction():
            ids = [self.file.series_id(Series(key)) for key in KEYS]
            first = self.file.take_numbers(amount)
            numbers = np.arange(first, first + amount)
            columns = []
            for place, series in enumerate(ids):
                seq = numbers[place :: len(KEYS)]
                steps = np.array([NO_STEP if n % 7 == 0 else n for n in seq.tolist()], np.int64)
                values = column_of([_value(place, n) for n in seq.tolist()])
                columns.append(Columns(series, seq, Points(steps, START + seq, values)))
            self.file.append([each for each in columns if len(each)])

    def event(self, size: int = 10) -> None:
        """One, with so many bytes to say."""
        with self.file.transaction():
            seq = self.file.take_numbers(1)
            self.file.add_event(seq, Event("note", START + seq, {"text": "e" * size}))

    def record(self, size: int = 10) -> None:
        """An alert, with so many bytes to say."""
        with self.file.transaction():
            seq = self.file.take_numbers(1)
            self.file.add_record(seq, Record("alert", "k", 1, START + seq, {"text": "r" * size}))

    def image(self, which: int) -> None:
        """A record that names a file: the same for the same number."""
        made = Attachments(self.path.parent).put(b"%d" % which, "png")
        with self.file.transaction():
            seq = self.file.take_numbers(1)
            data = {"file": made.document()}
            self.file.add_record(seq, Record("image", "i", 1, START + seq, data))

    def histogram(self, size: int = 10) -> None:
        """One, with a text of so many bytes in it."""
        with self.file.transaction():
            seq = self.file.take_numbers(1)
            series = self.file.series_id(Series("h", "histogram", "delta"))
            histogram = Histogram(1, START + seq, START, {"text": "h" * size})
            self.file.add_histogram(seq, series, histogram)


def _value(place: int, number: int) -> float | int:
    return (1 / number, number, STRANGE[number % len(STRANGE)])[place]

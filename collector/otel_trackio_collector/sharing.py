"""The own store where machines share DIR: runs lie in a scratch, and are brought to DIR."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from otel_trackio import layout
from otel_trackio.diagnostics import Diagnostics
from otel_trackio.exchange import Exchange
from otel_trackio.scratch import Scratch
from otel_trackio_collector.accompanied import Accompanied
from otel_trackio_collector.forwarding import Exporter

BRING_SECONDS: Final = 15.0
"""How old what other machines see may be, as with runs that are recorded."""


class Shared(Accompanied):
    """The store, whose runs in the scratch it brings to DIR. An `Exporter`."""

    def __init__(self, store: Exporter, scratch: Scratch) -> None:
        """The scratch is made already."""
        super().__init__(store, self._bring, "share runs")
        self._folder = scratch.folder
        self._exchange = Exchange(scratch)
        self._brought: dict[Path, int] = {}
        self._diagnostics = Diagnostics()
        self.start()

    def _bring(self) -> None:
        while True:
            closing = self.closing.wait(BRING_SECONDS)
            try:
                self._bring_what_is_new()
            except Exception as error:  # noqa: BLE001 (the thread must live)
                told = f"runs cannot be brought to {self._exchange.scratch.shared}: {error}"
                self._diagnostics.error("sharing", told)
            if closing:
                return

    def _bring_what_is_new(self) -> None:
        for folder in layout.run_dirs(self._folder):
            changed = _changed(folder)
            if changed != self._brought.get(folder) and self._exchange.publish(folder):
                self._brought[folder] = changed


def _changed(folder: Path) -> int:
    """When anything in a run's folder was changed last, in ns: a database, or what is beside it."""
    times = [0]
    for path in folder.iterdir():
        try:
            times.append(path.stat().st_mtime_ns)
        except FileNotFoundError:
            continue  # A lock, or a run that was deleted just now.
    return max(times)

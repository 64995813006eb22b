"""The `prometheus` exporter: a page with the last value of each series, for Prometheus to scrape.

It is made for alerts, and for what counts. A scrape each 15 s sees one step in many: curves need
remote write.
"""

from __future__ import annotations

import gzip
import math
import socket
import threading
import time
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from otel_trackio.errors import ConfigError
from otel_trackio_collector.exposition import OPENMETRICS, TEXT, page
from otel_trackio_collector.forwarding import Sent
from otel_trackio_collector.promseries import MAX_SERIES, Catalog, Series
from otel_trackio_collector.promtarget import Naming
from otel_trackio_collector.promtotals import Totals
from otel_trackio_collector.promtranslate import Translator
from otel_trackio_collector.promvalue import is_stale
from otel_trackio_collector.requestlog import Entry

ENDPOINT: Final = "127.0.0.1:8889"
"""Where the page is, unless told otherwise."""

EXPIRATION: Final = 300.0
"""Seconds after which a series that got no point is off the page, unless told otherwise."""

MAX_SCRAPES: Final = 16
"""Scrapes at a time; a connection beyond that is closed."""

SOCKET_SECONDS: Final = 10.0
"""How long a scraper may be silent within a request."""


class Scrape:
    """Serves `/metrics` at the endpoint (`HOST:PORT`) from its making on.

    `counts` tells in points what is not shown: `series limit`, `temporality`, `name`.
    """

    def __init__(
        self,
        name: str,
        endpoint: str = ENDPOINT,
        naming: Naming | None = None,
        series_limit: int = MAX_SERIES,
        expiration: float = EXPIRATION,
    ) -> None:
        """Raises ConfigError where the endpoint cannot be had."""
        self.name = name
        self.counts: Counter[str] = Counter()
        self._catalog = Catalog(series_limit, expiration)
        self._expiration = expiration
        self._last: dict[int, tuple[int, float, float]] = {}
        self._lock = threading.Lock()
        self._server = _server(endpoint, self)
        self._totals = Totals()
        self._translator = Translator(self._catalog, self._totals, naming)
        self._thread = threading.Thread(
            target=self._server.serve_forever, name=f"serve {name}", daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """`HOST:PORT`, the port as it was given by the system where the endpoint says 0."""
        host, port = self._server.server_address[:2]
        return f"[{host!s}]:{port}" if ":" in str(host) else f"{host!s}:{port}"

    def export(self, entries: Sequence[Entry]) -> Sent:
        """See `Exporter`: the newest value of each series is shown from now on."""
        with self._lock:
            for number in self._catalog.make_room():
                self._last.pop(number, None)
            samples = self._translator.translate(each.body for each in entries)
            self._catalog.use(samples.numbers)
            self._show(samples.numbers, samples.times, samples.values)
            untaken = Counter(self._translator.not_taken)
            self._translator.not_taken.clear()
        self.counts.update(untaken)
        points, rejected = sum(each.points for each in entries), untaken.total()
        told = ", ".join(f"{many} for their {reason}" for reason, many in untaken.items())
        return Sent(points - rejected, rejected, f"not shown: {told}" if told else "")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._totals.close()

    def page(self, openmetrics: bool = False) -> str:
        """What is scraped."""
        with self._lock:
            shown = self._shown()
        return page(shown, openmetrics)

    def _show(self, numbers: list[int], times: list[int], values: list[float]) -> None:
        now = time.monotonic()
        for number, moment, value in zip(numbers, times, values, strict=True):
            known = self._last.get(number)
            if known is None or known[0] <= moment:
                self._last[number] = moment, value, now

    def _shown(self) -> list[tuple[Series, float]]:
        end = time.monotonic() - self._expiration
        gone = [
            number
            for number, (_, value, seen) in self._last.items()
            if seen < end or (math.isnan(value) and is_stale(value))
        ]
        for number in gone:
            del self._last[number]
        return [(self._catalog[number], last[1]) for number, last in self._last.items()]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._places = threading.BoundedSemaphore(MAX_SCRAPES)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scraper that goes away is no error of ours."""


def _server(endpoint: str, scrape: Scrape) -> _Server:
    class Handler(BaseHTTPRequestHandler):
        timeout = SOCKET_SECONDS

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/metrics":
                self.send_error(HTTPStatus.NOT_FOUND, "the page is /metrics")
                return
            openmetrics = "application/openmetrics-text" in self.headers.get("Accept", "")
            body = scrape.page(openmetrics).encode("utf-8", "replace")
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", OPENMETRICS if openmetrics else TEXT)
            if "gzip" in self.headers.get("Accept-Encoding", ""):
                body = gzip.compress(body, 1)
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Scrapes are not logged."""

    host, _, port = endpoint.rpartition(":")
    try:
        return _Server((host.strip("[]"), int(port)), Handler)
    except (OSError, ValueError, OverflowError) as error:
        hint = "give an endpoint that is free, as HOST:PORT"
        raise ConfigError(f"cannot serve /metrics at {endpoint}: {error}", hint) from error

"""Reception: a request's way from its bytes to the answer, whatever protocol brought it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from otel_trackio.diagnostics import Diagnostics
from otel_trackio_collector import otlpjson
from otel_trackio_collector.admission import Admission, Share, Tokens
from otel_trackio_collector.checking import Checked, Malformed, check
from otel_trackio_collector.otlpstatus import (
    BUSY,
    FULL,
    MALFORMED,
    STOPPING,
    Declined,
)
from otel_trackio_collector.requestlog import LogClosed, LogError, RequestLog
from otel_trackio_collector.telemetry import (
    ACCEPTED,
    IN_FLIGHT,
    REFUSED,
    REQUESTS,
    Counters,
    Sample,
)

Result = TypeVar("Result")

ASIDE_BYTES: Final = 4 << 20
"""A larger request is checked on a thread of its own, one at a time, and holds up no other."""


class Reception:
    """Takes requests into the log for any number of receivers. Safe from any thread."""

    def __init__(
        self,
        log: RequestLog,
        admission: Admission | None = None,
        tokens: Tokens | None = None,
    ) -> None:
        self.admission = admission or Admission()
        self.tokens = tokens or Tokens()
        self.counters = Counters()
        self._diagnostics = Diagnostics()
        self._log = log
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="check")
        self._stopping = threading.Event()

    def stop(self) -> None:
        """From now on every request is answered with `try again later`."""
        self._stopping.set()
        self._aside.shutdown(wait=False)

    def begin(self, authorization: str | None) -> Share:
        """A share of the budget for a request that may be sent. Raises Declined."""
        self.tokens.demand(authorization)
        if self._stopping.is_set():
            raise Declined(STOPPING, "the collector is stopping: send it again")
        return self.admission.begin()

    async def take(self, body: bytes, transport: str) -> Checked:
        """Checks a request and keeps it; once this returns it is on the disk. Raises Declined."""
        try:
            checked = await self._checked(body)
        except Malformed as error:
            raise Declined(MALFORMED, str(error)) from None
        except Declined:
            raise
        except Exception as error:
            self._diagnostics.error("receiver", f"cannot check a request: {error!r}")
            raise Declined(BUSY, "the collector failed: send it again") from error
        if checked.points:
            await self._keep(checked, transport)
        if checked.rejected:
            self.counters.add(REFUSED, checked.rejected, receiver="otlp", transport=transport)
        return checked

    async def from_json(self, body: bytes) -> bytes:
        """The request in protobuf. Raises Declined."""
        try:
            return await self._run_aside(otlpjson.decode, body)
        except Malformed as error:
            raise Declined(MALFORMED, str(error)) from None

    def answered(self, transport: str, declined: Declined | None = None) -> None:
        """Counts the answer to a request."""
        kind = "OK" if declined is None else declined.answer.code.name
        self.counters.add(REQUESTS, receiver="otlp", transport=transport, answer=kind)
        if declined is not None and declined.answer is not STOPPING:
            told = f"a request over {transport} was answered {kind}: {declined.message}"
            self._diagnostics.error(f"{transport} {kind}", told)

    def samples(self) -> list[Sample]:
        """For Telemetry.register."""
        held = Sample(IN_FLIGHT, {"receiver": "otlp"}, self.admission.in_flight)
        return [*self.counters.samples(), held]

    async def _checked(self, body: bytes) -> Checked:
        return check(body) if len(body) <= ASIDE_BYTES else await self._run_aside(check, body)

    async def _run_aside(self, work: Callable[[bytes], Result], body: bytes) -> Result:
        try:
            waiting = asyncio.get_running_loop().run_in_executor(self._aside, work, body)
        except RuntimeError:
            raise Declined(STOPPING, "the collector is stopping: send it again") from None
        return await waiting

    async def _keep(self, checked: Checked, transport: str) -> None:
        labels = {"receiver": "otlp", "transport": transport}
        try:
            await asyncio.wrap_future(self._log.append(checked.body, checked.points))
        except LogError as error:
            self.counters.add(REFUSED, checked.points, **labels)
            answer = STOPPING if isinstance(error, LogClosed) else FULL
            raise Declined(answer, f"{error}: send it again") from None
        self.counters.add(ACCEPTED, checked.points, **labels)

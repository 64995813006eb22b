"""What the own store cannot apply: kept aside, whole and bounded, so that it holds up nothing."""

from __future__ import annotations

import base64
import errno
import json
import os
from pathlib import Path
from typing import Final

from otel_trackio.diagnostics import Diagnostics

MAX_BYTES: Final = 64 << 20
"""What a quarantine takes at most; beyond it requests are only counted."""


class Quarantine:
    """A file of JSON lines, `number`, `received` (ns), `reason` and `body` (base64), one a request
    or a metric of one. After a crash the last may be there twice."""

    def __init__(
        self, path: Path, diagnostics: Diagnostics | None = None, max_bytes: int = MAX_BYTES
    ) -> None:
        self.path = path
        self._diagnostics = diagnostics or Diagnostics()
        self._max_bytes = max_bytes

    def put(self, number: int, received: int, reason: str, body: bytes) -> None:
        """Keeps it, if there is room. Raises OSError where the disk is full."""
        told = f"request {number} cannot be stored as a run, {reason}: it is in {self.path}"
        self._diagnostics.error("quarantined", told)
        text = base64.b64encode(body).decode()
        line = {"number": number, "received": received, "reason": reason, "body": text}
        data = json.dumps(line).encode() + b"\n"
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        mode = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        descriptor = os.open(self.path, mode, 0o600)
        with os.fdopen(descriptor, "ab", buffering=0) as file:
            if file.tell() + len(data) > self._max_bytes:
                self._diagnostics.error(
                    "quarantine.full", f"{self.path} is full: look into it, then move it away"
                )
                return
            end = file.tell()
            if file.write(data) < len(data):  # As the disk is just full: no half of a line stays.
                file.truncate(end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            os.fsync(file.fileno())

"""How much memory a process has held at most, as the kernel counts it."""

from __future__ import annotations

import re
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


class Growth:
    """By how much memory has grown since this was made, at the highest."""

    def __init__(self) -> None:
        _CLEAR.write_text("5")  # Makes what is held now the most so far.
        self._before = _bytes("VmRSS")

    def most(self) -> int:
        """Bytes."""
        return max(0, _bytes("VmHWM") - self._before)


def _bytes(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    assert found is not None, name
    return 1024 * int(found[1])

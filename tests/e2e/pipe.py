"""A pipe whose closing is the news: every holder of the other end learns of it at once."""

from __future__ import annotations

import os
import select

from tests.e2e.worker import PATIENCE


class Pipe:
    """`reader` and `writer` are inheritable file descriptors; both close with the test."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self._open = {self.reader, self.writer}
        for end in self._open:
            os.set_inheritable(end, True)

    def close(self, *ends: int) -> None:
        """Closes these ends, or whatever is open still."""
        for end in ends or tuple(self._open):
            self._open.discard(end)
            os.close(end)

    def wait_until_unheld(self) -> None:
        """Waits until no other process holds the writing end."""
        self.close(self.writer)
        ready, _, _ = select.select([self.reader], [], [], PATIENCE)
        assert ready, "somebody still holds the pipe"
        assert os.read(self.reader, 1) == b""

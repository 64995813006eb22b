"""Starting threads where that may be refused: an interpreter that is shutting down has no more."""

from __future__ import annotations

import threading


def started(thread: threading.Thread) -> bool:
    """Starts the thread; False where none can be started any more."""
    try:
        thread.start()
    except RuntimeError:
        return False
    return True

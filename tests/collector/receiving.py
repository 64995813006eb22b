"""A process that receives, so that its memory can be looked at: `python -m ... PATH`.

It prints its two ports, and ends when its input does.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.collector.senders import receivers

if __name__ == "__main__":
    with receivers(Path(sys.argv[1])) as found:
        sys.stdout.write(f"{found.grpc.port} {found.http.port}\n")
        sys.stdout.flush()
        sys.stdin.read()

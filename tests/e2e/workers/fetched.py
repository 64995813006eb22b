"""Copies all segments of a remote into a folder. Arguments: the remote, the folder."""

from __future__ import annotations

import sys
from pathlib import Path

from otel_trackio.place import ROOT
from otel_trackio.remotes import remote_of


def main() -> None:
    remote, folder = remote_of(sys.argv[1]), Path(sys.argv[2])
    for entry in remote.list(ROOT):
        path = folder / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(remote.read(entry.path))


if __name__ == "__main__":
    main()

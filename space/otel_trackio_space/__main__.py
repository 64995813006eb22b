"""`python -m otel_trackio_space [DIR]` is `otel-trackio show --no-browser --dir DIR`."""

from __future__ import annotations

import sys

from otel_trackio.errors import OtelTrackioError
from otel_trackio_space.show import show

if __name__ == "__main__":
    folder, options = sys.argv[1:2], sys.argv[2:]
    try:
        show(["--no-browser", *(["--dir", *folder] if folder else []), *options])
    except OtelTrackioError as error:
        sys.exit(f"error: {error}")

"""`python -m otel_trackio` is `otel-trackio`."""

from __future__ import annotations

from otel_trackio.cli import main

main()

"""The collector: OpenTelemetry in, run files and other backends out."""

from __future__ import annotations

import os

__all__: list[str] = []

# Read when gRPC is imported: else its core writes lines of its own among those of our log.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

"""The collector's log: a line of JSON an event, or of text where a person reads it."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final, Literal

from otel_trackio.diagnostics import Diagnostics, logger

Format = Literal["json", "text"]

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
"""As the configuration spells them."""

LIBRARIES: Final = ("asyncio", "grpc", "httpcore", "httpx", "uvicorn")
"""What these say at each request, nobody wants to read."""

NO_HTTP: Final = "Invalid HTTP request received."
"""What uvicorn says of each request that is none."""


class Json(logging.Formatter):
    """One object a line: time, level, logger, message, and what `extra={"told": {...}}` holds."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "told", {}),
        }
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, default=str)


class Text(logging.Formatter):
    """The same for the eye: time, level, message, then name=value."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        told = "".join(f" {name}={value}" for name, value in getattr(record, "told", {}).items())
        error = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return f"{time} {record.levelname.lower():7} {record.getMessage()}{told}{error}"


class NoHttp(logging.Filter):
    """Says once a minute that a request was no HTTP, and why that mostly is."""

    def __init__(self) -> None:
        super().__init__()
        self._diagnostics = Diagnostics()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.msg != NO_HTTP:
            return True
        told = "a request to a port for http was none: its sender may speak https, or gRPC"
        self._diagnostics.error("no_http", told)
        return False


def configure(level: str, format: Format | None) -> None:
    """Logs go to standard error; as text to a terminal, else as JSON, unless told."""
    handler = logging.StreamHandler(sys.stderr)
    text = format == "text" or (format is None and sys.stderr.isatty())
    handler.setFormatter(Text() if text else Json())
    logging.basicConfig(level=LEVELS[level], handlers=[handler], force=True)
    logger.handlers.clear()  # The command line's own, which would say all of it again.
    logger.propagate = True
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(NoHttp())

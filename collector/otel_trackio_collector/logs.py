"""The collector's log: a line of JSON an event, or of text where a person reads it."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final, Literal

from otel_trackio.diagnostics import logger

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

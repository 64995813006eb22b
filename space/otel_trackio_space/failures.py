"""What goes wrong, as HTTP has it: a status, what is wrong, and what helps."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from otel_trackio.errors import (
    ConfigError,
    OtelTrackioError,
    RemoteRefused,
    RemoteUnavailable,
    StoreBusy,
    UnknownFile,
    UnknownMetric,
    UnknownRun,
)

logger = logging.getLogger(__name__)

STATUS: Final[Mapping[type[OtelTrackioError], int]] = {
    UnknownRun: 404,
    UnknownFile: 404,
    UnknownMetric: 404,
    StoreBusy: 409,
    ConfigError: 422,
    RemoteRefused: 403,
    RemoteUnavailable: 503,
}
"""Of our own errors; 500 of all others."""


ENDED: Final = ("the dashboard has ended", "start it again")
"""What is said to who asked before it did."""


class Refused(OtelTrackioError):
    """What a server does not do, with the status that says so."""

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.status = status


def answer_failures(app: FastAPI) -> None:
    """Makes the app answer every failure in our form."""
    app.add_exception_handler(OtelTrackioError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)


def failure(status: int, error: str, hint: str = "") -> Response:
    return JSONResponse({"error": error, "hint": hint}, status)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, OtelTrackioError)
    if isinstance(error, Refused):
        return failure(error.status, error.message, error.hint)
    found = (STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    status = next(found, 500)
    if status == 500:
        logger.warning("%s", error)
    return failure(status, error.message, error.hint)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(each) for each in first["loc"] if each not in ("body", "query"))
    told = first["msg"].removeprefix("Value error, ")
    return failure(422, f"{where}: {told}" if where else told, "see /api/openapi.json")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = failure(error.status_code, str(error.detail).lower())
    answer.headers.update(error.headers or {})
    return answer

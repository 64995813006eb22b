"""What a sender is told, over gRPC and over HTTP, as the OTLP specification has it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)

RETRY_AFTER: Final = 1.0
"""Seconds after which a sender may try again, where nothing better is known."""

STATUS_DETAILS: Final = "grpc-status-details-bin"
RETRY_DETAILS: Final = "google.rpc.retryinfo-bin"
"""Where clients look for RetryInfo: by the specification in the first, Python's SDK here."""

METRICS_ONLY: Final = "this collector takes metrics only: send traces and logs elsewhere"


@dataclass(frozen=True, slots=True)
class Answer:
    """A kind of refusal, as each protocol names it."""

    code: grpc.StatusCode
    http: int
    retry_after: float | None = None
    """Seconds; None where the same would be refused again."""


MALFORMED: Final = Answer(grpc.StatusCode.INVALID_ARGUMENT, 400)
UNAUTHENTICATED: Final = Answer(grpc.StatusCode.UNAUTHENTICATED, 401)
NOT_TAKEN: Final = Answer(grpc.StatusCode.UNIMPLEMENTED, 404)
NOT_POSTED: Final = Answer(grpc.StatusCode.UNIMPLEMENTED, 405)
TOO_SLOW: Final = Answer(grpc.StatusCode.DEADLINE_EXCEEDED, 408)
TOO_LARGE: Final = Answer(grpc.StatusCode.RESOURCE_EXHAUSTED, 413)
OTHER_MEDIA: Final = Answer(grpc.StatusCode.UNIMPLEMENTED, 415)
BUSY: Final = Answer(grpc.StatusCode.UNAVAILABLE, 503, RETRY_AFTER)
FULL: Final = Answer(grpc.StatusCode.UNAVAILABLE, 503, 5 * RETRY_AFTER)
STOPPING: Final = Answer(grpc.StatusCode.UNAVAILABLE, 503, RETRY_AFTER)


class Declined(Exception):
    """A request was not taken; nothing of it is kept."""

    def __init__(self, answer: Answer, message: str) -> None:
        super().__init__(message)
        self.answer = answer
        self.message = message

    def status(self) -> Status:
        """With RetryInfo where the same may be taken later."""
        status = Status(code=self.answer.code.value[0], message=self.message)
        if self.answer.retry_after is not None:
            detail = Any()
            detail.Pack(_retry_info(self.answer.retry_after))
            status.details.append(detail)
        return status

    def trailers(self) -> tuple[tuple[str, bytes], ...]:
        """For gRPC, beside code and message."""
        details = ((STATUS_DETAILS, self.status().SerializeToString()),)
        if self.answer.retry_after is None:
            return details
        return (*details, (RETRY_DETAILS, _retry_info(self.answer.retry_after).SerializeToString()))

    def headers(self) -> dict[str, str]:
        """For HTTP, beside status and body."""
        headers = {}
        if self.answer.retry_after is not None:
            headers["retry-after"] = str(math.ceil(self.answer.retry_after))
        if self.answer is UNAUTHENTICATED:
            headers["www-authenticate"] = "Bearer"
        if self.answer is NOT_POSTED:
            headers["allow"] = "POST"
        return headers


def taken(rejected: int = 0, message: str = "") -> ExportMetricsServiceResponse:
    """The response to a request that was kept; `partial_success` is set only where it says
    something."""
    if not rejected and not message:
        return ExportMetricsServiceResponse()
    partial = ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=message)
    return ExportMetricsServiceResponse(partial_success=partial)


def encoded(message: Message, as_json: bool) -> bytes:
    """A response or Status in the media type that the request came in."""
    if as_json:
        return json_format.MessageToJson(message, indent=None).encode()
    return message.SerializeToString()


def _retry_info(seconds: float) -> RetryInfo:
    delay = Duration()
    delay.FromNanoseconds(int(seconds * 1e9))
    return RetryInfo(retry_delay=delay)

"""How long this machine will be there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta

import psutil


def is_in_job(environ: Mapping[str, str]) -> bool:
    """Whether this is the container of a Hugging Face Job. Grid Engine, too, sets JOB_ID."""
    return {"JOB_ID", "ACCELERATOR"} <= environ.keys()


def seconds_left(deadline: datetime | timedelta | None, environ: Mapping[str, str]) -> float | None:
    """Seconds until the deadline, negative after it; None where there is none.

    A duration counts from the start of the job: in the container of a Hugging Face Job that is its
    first process, elsewhere this one.
    """
    if deadline is None:
        return None
    if isinstance(deadline, datetime):
        return deadline.timestamp() - time.time()
    first = psutil.Process(1) if is_in_job(environ) else psutil.Process()
    return first.create_time() + deadline.total_seconds() - time.time()

"""How long a machine says it will be there."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from otel_trackio.lifetime import seconds_left

JOB = {"JOB_ID": "1", "ACCELERATOR": "none"}


def test_a_time_is_a_deadline_as_it_is() -> None:
    """Whatever started when."""
    moment = datetime.fromtimestamp(time.time() + 500, UTC)
    assert seconds_left(moment, {}) == pytest.approx(500, abs=5)
    assert seconds_left(None, {}) is None


def test_a_duration_counts_from_the_start_of_the_job() -> None:
    """In the container of a job from its first process, elsewhere from this one: there the first
    one is the machine's, whoever else sets JOB_ID."""
    hour = timedelta(hours=1)
    here, job = seconds_left(hour, {"JOB_ID": "1"}), seconds_left(hour, JOB)
    assert here is not None
    assert job is not None
    assert here == pytest.approx(psutil.Process().create_time() + 3600 - time.time(), abs=5)
    assert job == pytest.approx(psutil.Process(1).create_time() + 3600 - time.time(), abs=5)

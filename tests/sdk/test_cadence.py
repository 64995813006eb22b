"""When a run is synced next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otel_trackio.cadence import REMOTE, Past, due, is_urgent

START = 1000.0


def test_the_first_sync_comes_soon_and_later_ones_seldom() -> None:
    """After 30 s, each minute for ten, then each five."""
    moments: list[float] = []
    past = Past(START)
    while len(moments) < 13:
        moments.append(due(REMOTE, past) - START)
        past = replace(past, tried=START + moments[-1])
    assert moments == [30 + 60 * n for n in range(11)] + [930, 1230]


def test_failures_stretch_the_wait_to_a_bound() -> None:
    """Each doubles it, up to a quarter of an hour, or to what the remote asks for."""
    failed = [Past(START, tried=START, failures=n) for n in range(6)]
    assert [due(REMOTE, past) - START for past in failed] == [60, 120, 240, 480, 900, 900]
    asked = Past(START, tried=START, failures=1, retry_after=1800)
    assert due(REMOTE, asked) - START == 1800


def test_a_sync_may_be_pulled_forward_but_not_after_a_failure() -> None:
    """A checkpoint brings the next one to a minute after the last."""
    late = Past(START, tried=START + 900)
    assert due(REMOTE, late) == START + 900 + 300
    assert due(REMOTE, replace(late, forward=True)) == START + 900 + 60
    failed = replace(late, forward=True, failures=1)
    assert due(REMOTE, failed) == START + 900 + 600


@pytest.mark.parametrize("failures", [0, 5])
def test_before_the_deadline_it_syncs_as_often_as_it_may(failures: int) -> None:
    """At a minute before it at the latest, and every ten seconds from then on."""
    past = Past(START, tried=START + 900, failures=failures, deadline=START + 1000)
    assert due(REMOTE, past) == START + 940
    again = replace(past, tried=START + 940)
    assert due(REMOTE, again) == START + 950
    assert not is_urgent(past, START + 939)
    assert is_urgent(past, START + 940)


def test_a_deadline_that_has_passed_is_forgotten() -> None:
    """Whose machine is still there a minute later syncs as ever, and waits where it is asked to."""
    past = Past(START, tried=START + 900, deadline=START + 890)
    assert due(REMOTE, past) == START + 910
    asked = replace(past, tried=START + 945, failures=1, retry_after=1800)
    assert due(REMOTE, asked) == START + 945 + 1800
    assert not is_urgent(asked, START + 951)


def test_a_deadline_that_is_near_at_the_start_is_met_too() -> None:
    """A job of one minute syncs soon after it has begun."""
    assert due(REMOTE, Past(START, deadline=START + 45)) == START + 10


def test_a_machine_that_may_go_away_is_synced_often_for_a_while() -> None:
    """After SIGTERM every ten seconds, then as ever."""
    told = Past(START, tried=START + 900, urgent_until=START + 1000)
    assert due(REMOTE, told) == START + 910
    assert due(REMOTE, replace(told, tried=START + 1001)) == START + 1301

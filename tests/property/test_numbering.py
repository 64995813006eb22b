"""What arrives by two ways is numbered in the order it was recorded."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from otel_trackio.numbering import places

TIMES = st.lists(st.integers(0, 50), max_size=20)


@given(journal=TIMES, series=st.lists(TIMES, max_size=4))
def test_every_number_is_used_once_and_each_way_keeps_its_order(
    journal: list[int], series: list[list[int]]
) -> None:
    """The places are 0, 1, 2, ... without a gap, rising within the journal and each series."""
    own, others = places(np.array(journal, np.int64), [np.array(s, np.int64) for s in series])
    assert sorted([*own.tolist(), *(p for each in others for p in each.tolist())]) == list(
        range(len(journal) + sum(map(len, series)))
    )
    for each in (own, *others):
        assert (np.diff(each) > 0).all()


@given(times=st.lists(st.integers(0, 10**6), unique=True), data=st.data())
def test_places_are_those_of_the_clock_while_it_only_rises(
    times: list[int], data: st.DataObject
) -> None:
    """Where times rise within each way, all are merged by time."""
    times.sort()
    way = data.draw(st.lists(st.integers(0, 2), min_size=len(times), max_size=len(times)))
    parts = [np.array([t for t, w in zip(times, way, strict=True) if w == n]) for n in range(3)]
    journal, *series = (part.astype(np.int64) for part in parts)
    own, others = places(journal, series)
    for part, found in zip((journal, *series), (own, *others), strict=True):
        assert found.tolist() == [times.index(time) for time in part.tolist()]

"""What is sent by remote write is what Prometheus' own messages say."""

from __future__ import annotations

import math
import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from otel_trackio_collector.promseries import Family, Samples, Series
from otel_trackio_collector.promvalue import STALE, STALE_NAN
from otel_trackio_collector.writerequest import FIRST_MS, LAST_MS, encoded, head_of, ordered
from tests.collector.writing import read

SAMPLES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(FIRST_MS, LAST_MS - 1), st.floats(), st.integers(0, 1))
)


def samples_of(rows: list[tuple[int, int, float, int]]) -> Samples:
    samples = Samples()
    for row in rows:
        samples.add(*row)
    return samples


def bits(value: float) -> int:
    found: int = struct.unpack("<Q", struct.pack("<d", value))[0]
    return found


@given(SAMPLES, st.integers(1, 7))
def test_every_sample_arrives_in_order(rows: list[tuple[int, int, float, int]], most: int) -> None:
    """Samples in any order, cut in any way: each series has its own, by time, the last wins."""
    columns, folded = ordered(samples_of(rows))
    heads = {number: head_of(Series(Family("m", "gauge"), f"m{number}", ())) for number in range(6)}
    found: dict[str, list[tuple[int, float]]] = {}
    for piece in columns.pieces(most):
        for series in read(encoded(piece, heads)).timeseries:
            (name,) = series.labels
            more = [(each.timestamp, each.value) for each in series.samples]
            found.setdefault(name.value, []).extend(more)
    expected: dict[str, dict[int, float]] = {}
    for number, time, value, _ in rows:
        expected.setdefault(f"m{number}", {})[time] = value
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert [time for time, _ in found[name]] == sorted(values)
        for time, value in found[name]:
            assert math.isnan(value) if math.isnan(values[time]) else value == values[time]
    assert columns.points + folded == sum(weight for *_, weight in rows)


@given(SAMPLES)
def test_halves_are_the_whole(rows: list[tuple[int, int, float, int]]) -> None:
    """Halves cut no series, and hold together what the whole held."""
    columns, _ = ordered(samples_of(rows))
    halves = columns.halves()
    assert bool(halves) == (len(set(columns.numbers.tolist())) > 1)
    if halves:
        assert not set(halves[0].numbers.tolist()) & set(halves[1].numbers.tolist())
        assert np.array_equal(np.concatenate([each.times for each in halves]), columns.times)


def test_labels_are_sorted_and_any_text() -> None:
    """Labels are sorted by name, the metric's own among them; text is UTF-8."""
    series = Series(Family("m", "gauge"), "m", (("Z", "損失"), ("a", "\ud800"), ("b", "x" * 300)))
    columns, _ = ordered(samples_of([(0, FIRST_MS, 1.0, 1)]))
    (found,) = read(encoded(columns, {0: head_of(series)})).timeseries
    told = [(each.name, each.value) for each in found.labels]
    assert told == [("Z", "損失"), ("__name__", "m"), ("a", "?"), ("b", "x" * 300)]


def test_a_measured_nan_ends_no_series() -> None:
    """A NaN is sent as Prometheus writes one, whatever its bits, unless it is the stale one."""
    odd = struct.unpack("<d", struct.pack("<Q", 0xFFF8000000000123))[0]
    columns, _ = ordered(samples_of([(0, FIRST_MS, odd, 1), (0, FIRST_MS + 1, STALE_NAN, 1)]))
    (found,) = read(encoded(columns, {0: b""})).timeseries
    assert [bits(each.value) for each in found.samples] == [0x7FF8000000000001, STALE]


def test_metadata_goes_with_samples() -> None:
    """What a metric is, is told beside its samples."""
    columns, _ = ordered(samples_of([(0, FIRST_MS, 1.0, 1)]))
    family = Family("training_loss", "gauge", "The loss.", "nats")
    (found,) = read(encoded(columns, {0: b""}, [family])).metadata
    assert (found.type, found.metric_family_name) == (2, "training_loss")
    assert (found.help, found.unit) == ("The loss.", "nats")

"""What an exporter is given: by the names of metrics, and by attributes of resources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otel_trackio_collector.forwarding import Forwarder, Sent
from otel_trackio_collector.requestlog import Entry, RequestLog
from otel_trackio_collector.selection import Rule, Selection, selecting
from otel_trackio_collector.shaping import Selected, shaped
from tests.collector.made import every_point, gauge, merged, points, requests
from tests.collector.sinks import until

MIXED = merged(
    gauge("train.loss", [1.0, 2.0], resource={"otel_trackio.run.id": "one"}),
    gauge("gpu.power", [300.0], resource={"otel_trackio.run.id": "one"}),
    gauge("train.loss", [3.0], resource={"otel_trackio.run.id": "two"}),
)


class Kept:
    """An exporter that keeps what it is given."""

    name = "kept"

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def export(self, entries: Sequence[Entry]) -> Sent:
        self.entries += entries
        return Sent(sum(each.points for each in entries))

    def close(self) -> None:
        pass


@pytest.fixture
def log(tmp_path: Path) -> Iterator[RequestLog]:
    log = RequestLog(tmp_path / "requests.db")
    yield log
    log.close()


@pytest.mark.parametrize(
    ("selection", "left"),
    [
        (Selection(include=Rule(("train.*",))), [1.0, 2.0, 3.0]),
        (Selection(include=Rule(("gpu.?ower", "none"))), [300.0]),
        (Selection(exclude=Rule(("*.power",))), [1.0, 2.0, 3.0]),
        (Selection(Rule(("train.*",)), Rule(("*loss",))), []),
        (Selection(include=Rule(resource={"otel_trackio.run.id": ("t*",)})), [3.0]),
        (Selection(exclude=Rule(resource={"otel_trackio.run.id": ("two",)})), [1.0, 2.0, 300.0]),
        (Selection(include=Rule(("train.*",), {"otel_trackio.run.id": ("one",)})), [1.0, 2.0]),
        (Selection(include=Rule(resource={"absent": ("*",)})), []),
    ],
)
def test_what_fits_goes_out(selection: Selection, left: list[float]) -> None:
    """A metric goes out if it fits all of `include`, and nothing of `exclude`."""
    assert [value for _, _, value in points(selecting(selection)(MIXED))] == left


@given(requests())
def test_everything_stays_itself(body: bytes) -> None:
    """Where all is selected that is in a request, it is the same to the last byte."""
    chosen = selecting(Selection(include=Rule(("*",))))(body)
    assert every_point(chosen) == every_point(body)
    assert not chosen or chosen == body or len(chosen) < len(body)


@given(requests(), requests())
def test_the_rest_is_untouched(one: bytes, two: bytes) -> None:
    """Of a request only what is not selected goes; all around it stays as it was."""
    other = gauge("\x00 of no other", [1.0])
    select = selecting(Selection(exclude=Rule(("\x00 of no other",))))
    assert every_point(select(merged(one, other, two))) == every_point(merged(one, two))


def test_attributes_of_every_type() -> None:
    """Attributes that are no text are matched as they are read: true, 7, 0.5."""
    resource = Resource()
    resource.attributes.add(key="flag").value.bool_value = True
    resource.attributes.add(key="rank").value.int_value = 7
    resource.attributes.add(key="share").value.double_value = 0.5
    for key, pattern in (("flag", "true"), ("rank", "7"), ("share", "0.*")):
        assert Selection(include=Rule(resource={key: (pattern,)})).resource(resource)
        assert not Selection(exclude=Rule(resource={key: (pattern,)})).resource(resource)


def test_what_is_not_selected_is_passed_over(log: RequestLog) -> None:
    """The log lets go of it, it is counted apart, and it is no loss."""
    kept = Kept()
    selected = Selected(kept, Selection(include=Rule(("train.*",))))
    forwarder = Forwarder(log, selected)
    forwarder.start()
    for body, held in ((MIXED, 4), (gauge("gpu.power", [1.0]), 1), (gauge("train.lr", [2.0]), 1)):
        log.append(body, held).result(60)
    until(lambda: forwarder.standing().lag_requests == 0)
    forwarder.stop()
    assert [each.points for each in kept.entries] == [3, 1]
    assert forwarder.standing().sent == 4
    assert forwarder.standing().counts == {"not selected": 2}
    assert sum(forwarder.standing().dropped.values()) == 0


def test_one_that_asks_for_everything_gets_what_came() -> None:
    """Nothing stands between it and the log."""
    kept = Kept()
    assert shaped(kept, Selection(), None) is kept

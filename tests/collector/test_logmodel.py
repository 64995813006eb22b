"""The request log against a model of it, whatever is appended, read, dropped and reopened."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from otel_trackio_collector.logfile import pack
from otel_trackio_collector.requestlog import LogFull, RequestLog
from tests.collector.appender import body_of

PATIENCE = 60.0
MEMORY = Path("/dev/shm")
"""Where it is there, nobody waits for a disk."""

ALL = 1 << 30


@dataclass
class Known:
    """A cursor, as it should be."""

    never_skipped: bool
    position: int = 0
    lost: dict[int, int] = field(default_factory=dict)
    hands: set[int] = field(default_factory=set)

    def dropped(self) -> int:
        """Points that it lost, but for those of requests that it still has in its hands."""
        return sum(points for number, points in self.lost.items() if number not in self.hands)


@dataclass
class Model:
    """The log, as it should be: what is held, by number, as body and points."""

    held: dict[int, tuple[bytes, int]] = field(default_factory=dict)
    cursors: dict[str, Known] = field(default_factory=dict)
    head: int = 0

    def append(self, body: bytes, points: int, max_bytes: int) -> bool:
        size = len(pack(body))
        done = min(each.position for each in self.cursors.values())
        held = {n: each for n, each in self.held.items() if n > done}
        total = sum(len(pack(kept)) for kept, _ in held.values())
        drop = done
        for number, (kept, _) in sorted(held.items()):
            if total + size <= max_bytes:
                break
            total -= len(pack(kept))
            drop = number
        never = min(each.position for each in self.cursors.values() if each.never_skipped)
        if total + size > max_bytes or drop > never:
            return False
        for cursor in self.cursors.values():
            if cursor.position < drop:
                lost = range(cursor.position + 1, drop + 1)
                cursor.lost |= {number: self.held[number][1] for number in lost}
                cursor.position = drop
        self.head += 1
        self.held[self.head] = (body, points)
        return True


class Log(RuleBasedStateMachine):
    """Three exporters, of which one is never skipped."""

    MAX_BYTES = 5_000

    def __init__(self) -> None:
        super().__init__()
        memory = MEMORY if MEMORY.is_dir() else None
        self.root = tempfile.TemporaryDirectory(prefix="otel-trackio-", dir=memory)
        self.model = Model()
        self.seed = 0

    @initialize()
    def open(self) -> None:
        self.log = RequestLog(Path(self.root.name) / "requests.db", self.MAX_BYTES)
        names = {"a": False, "b": False, "own": True}
        self.cursors = {name: self.log.cursor(name, never) for name, never in names.items()}
        for name, never in names.items():
            self.model.cursors.setdefault(name, Known(never)).hands.clear()

    @rule(size=st.integers(0, 2_500), points=st.integers(0, 5))
    def append(self, size: int, points: int) -> None:
        self.seed += 1
        body = body_of(self.seed, size)
        fits = self.model.append(body, points, self.MAX_BYTES)
        try:
            assert self.log.append(body, points).result(PATIENCE) == self.model.head
            assert fits
        except LogFull:
            assert not fits

    @rule(name=st.sampled_from(["a", "b", "own"]), amount=st.integers(1, 5))
    def advance(self, name: str, amount: int) -> None:
        known = self.model.cursors[name]
        entries = self.cursors[name].read(ALL)
        known.hands = {entry.number for entry in entries[amount:]}
        if entries:
            known.position = entries[:amount][-1].number
            self.cursors[name].advance(known.position)

    @rule()
    def reopen(self) -> None:
        id = self.log.id
        self.log.close()
        self.open()
        assert self.log.id == id

    @invariant()
    def holds_what_it_should(self) -> None:
        assert self.log.head() == self.model.head
        for name, known in self.model.cursors.items():
            cursor = self.cursors[name]
            wanted = {n: each for n, each in self.model.held.items() if n > known.position}
            found = self.log.read(cursor.position, ALL)
            assert {e.number: (e.body, e.points) for e in found} == wanted
            assert (cursor.position, cursor.dropped) == (known.position, known.dropped())
            lag = cursor.lag()
            assert lag.requests == len(wanted)
            assert lag.points == sum(points for _, points in wanted.values())
            assert lag.bytes == sum(len(pack(body)) for body, _ in wanted.values())

    def teardown(self) -> None:
        if hasattr(self, "log"):
            self.log.close()
        self.root.cleanup()


Log.TestCase.settings = settings(
    max_examples=max(20, settings().max_examples // 10), stateful_step_count=30
)
TestModel = Log.TestCase
"""Whatever is appended, read, dropped and reopened: the log holds, counts and charges exactly."""

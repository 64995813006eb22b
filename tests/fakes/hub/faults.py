"""What is to go wrong, and with which requests."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import Final

from tests.fakes.hub.refusal import Refusal

ACTIONS: Final = ("status", "drop_before", "drop_after", "hang", "delay", "stale_parent")


@dataclass(slots=True)
class Fault:
    """Strikes requests whose path and query match a regular expression.

    - `status`: answers with that status, its `code` (X-Error-Code), `message` and `headers`
    - `drop_before`: closes the connection; the request has no effect
    - `drop_after`: the request takes effect; the connection is closed after `seconds`
    - `hang`: says nothing for `seconds`, then closes the connection; the request has no effect
    - `delay`: takes effect and answers, `seconds` late
    - `stale_parent`: another's commit lands in the repository just before this request

    Of the matching requests with bodies of at least `size` bytes it lets `skip` pass, then strikes
    `times` of them (none: all), each with `probability`, drawn from `seed`.
    """

    match: str
    action: str = "status"
    method: str = ""
    status: int = 500
    code: str | None = None
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    size: int = 0
    skip: int = 0
    times: int | None = 1
    probability: float = 1.0
    seed: int = 0
    chance: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"no fault is called {self.action}; there are {', '.join(ACTIONS)}")
        re.compile(self.match)
        self.chance = random.Random(self.seed)

    @property
    def refusal(self) -> Refusal:
        return Refusal(self.status, self.message, self.code, self.headers)

    def strikes(self, method: str, path: str, size: int) -> bool:
        if self.times == 0 or self.method not in ("", method) or size < self.size:
            return False
        if not re.search(self.match, path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.chance.random() >= self.probability:
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Faults(list[Fault]):
    """In the order in which they were declared; the first that strikes is the only one."""

    def strike(self, method: str, path: str, size: int) -> Fault | None:
        return next((fault for fault in self if fault.strikes(method, path, size)), None)

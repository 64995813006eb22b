"""Does what it is told on standard input, a JSON object a line, and answers on standard output."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from opentelemetry.metrics import CallbackOptions, Observation

import otel_trackio
from otel_trackio import recovery

_held: Final[list[int]] = []
_runs: Final[list[otel_trackio.Run]] = []


def run() -> otel_trackio.Run:
    """The run started last."""
    return _runs[-1]


def init(project: str | None, **options: Any) -> str:
    _runs.append(otel_trackio.init(project, **options))
    return run().id


def log(first: int, last: int) -> None:
    for step in range(first, last):
        run().log({"loss": step / 7, "count": step}, step)


def metrics(values: dict[str, Any], step: int | None = None) -> None:
    run().log(values, step)


def gauge(key: str, values: list[float]) -> None:
    instrument = otel_trackio.get_meter("tests").create_gauge(key)
    for value in values:
        instrument.set(value)


def await_collections(amount: int) -> None:
    """Returns when so many further collections of instruments have begun."""
    left = threading.Semaphore(0)

    def observe(_: CallbackOptions) -> list[Observation]:
        left.release()
        return []

    otel_trackio.get_meter("tests").create_observable_gauge("collections", [observe])
    for _ in range(amount):
        left.acquire()


def path() -> str | None:
    return None if run().path is None else str(run().path)


def state() -> str:
    return run().state


def flush(timeout: float) -> bool:
    return run().flush(timeout)


def sync(timeout: float) -> bool:
    return run().sync_now(timeout)


def finish(exit_code: int, timeout: float) -> None:
    run().finish(exit_code, timeout)


def counts() -> dict[str, int]:
    return run().diagnostics.counts()


def await_count(reason: str) -> None:
    """Returns when something was counted under that reason."""
    while reason not in counts():
        time.sleep(0.001)


def recover(path: str) -> int | None:
    """Points recovered, None where the writer lives."""
    recovered = recovery.recover(Path(path))
    return None if recovered is None else recovered.points


def fork_to_recover(path: str) -> int | None:
    """As `recover`, in a forked child that lives on until this process is gone."""
    answers, pipe = os.pipe()
    alive, here = os.pipe()
    if os.fork():
        os.close(pipe)
        _held.append(here)
        answer: int | None = json.loads(os.read(answers, 100))
        return answer
    os.close(here)
    os.write(pipe, json.dumps(recover(path)).encode())
    os.read(alive, 1)
    os._exit(0)


def read_file(path: str) -> int:
    return len(Path(path).read_bytes())


def read(key: str, dir: str | None = None) -> dict[str, Any]:
    """By run id, its state and the steps and values of a metric."""
    return {each.id: _read(each, key) for each in otel_trackio.Api(dir).runs()}


def _read(stored: Any, key: str) -> dict[str, Any]:
    history = stored.history(key, all=True)
    columns = {name: history[name].tolist() for name in ("step", "value")}
    return {"state": stored.standing().state, **columns}


def chdir(path: str) -> None:
    os.chdir(path)


def main() -> None:
    # What the library prints must not be mistaken for an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    for line in sys.stdin:
        request = json.loads(line)
        asked: Callable[..., Any] = globals()[request["do"]]
        try:
            result = asked(*request["arguments"], **request["options"])
            answer = {"result": result}
        except Exception as error:  # noqa: BLE001 (whatever it is, the test wants to see it)
            answer = {"failed": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()

"""A process that applies a request log to the own store, and may be killed in the worst moment.

    python -m tests.collector.applier DIR die|end

It first appends some requests to DIR/requests.db, each of two runs.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from otel_trackio_collector.ownstore import OwnStore
from otel_trackio_collector.requestlog import RequestLog
from tests.collector.otlp import NOW, gauge, point, request

POINTS = 40
A_LIFE = 10


def main(dir: Path, dies: bool) -> None:
    log = RequestLog(dir / "requests.db")
    store = OwnStore(dir, log.id)
    cursor = log.cursor(store.name, never_skipped=True)
    begin = log.head()
    for number in range(begin, POINTS if not dies else min(begin + A_LIFE, POINTS)):
        metric = gauge("loss", point(NOW + number, float(number)))
        both = [request(metric, resource={"otel_trackio.run.id": name}) for name in ("a", "b")]
        log.append(b"".join(each.SerializeToString() for each in both), 2).result(60)
    while entries := log.read(cursor.position, 1000):
        store.export(entries)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        cursor.advance(entries[-1].number)
    store.close()
    log.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] == "die")

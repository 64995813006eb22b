"""Starts and ends the same run again and again, until it is killed."""

from __future__ import annotations

import otel_trackio


def main() -> None:
    print("ready", flush=True)  # noqa: T201 (the test waits for it)
    while True:
        otel_trackio.init("crash", id="restless", resume="allow").finish()


if __name__ == "__main__":
    main()

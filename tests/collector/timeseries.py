"""Real servers that keep time series: Prometheus and VictoriaMetrics, each a process of its own."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import httpx
import psutil

T = TypeVar("T")

PATIENCE: Final = 60.0
"""Seconds until a test gives up waiting; these machines may be busy."""


def until(found: Callable[[], T], why: str = "") -> T:
    """What `found` returns as soon as it is true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError(why or "it did not come")


class Server:
    """A process that listens at a port that the system gave it, or at `port`."""

    def __init__(self, command: list[str], log: Path, scheme: str = "http", **client: Any) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        self.port = until(self._listening, f"{command[0]} does not listen; see {log}")
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False, **client)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._process.kill()
        self._process.wait()

    def _listening(self) -> int:
        assert self._process.poll() is None, self._log.read_text()
        connections = psutil.Process(self._process.pid).net_connections("tcp")
        return next((each.laddr.port for each in connections if each.status == "LISTEN"), 0)


class Prometheus(Server):
    """`window` is its out_of_order_time_window, `scraped` what it scrapes each second."""

    def __init__(
        self,
        dir: Path,
        window: str = "",
        *options: str,
        scraped: Mapping[str, str] | None = None,
        port: int = 0,
        receives: bool = True,
        **client: Any,
    ) -> None:
        dir.mkdir(parents=True, exist_ok=True)
        jobs = [
            {"job_name": job, "honor_labels": True, "static_configs": [{"targets": [target]}]}
            for job, target in (scraped or {}).items()
        ]
        config: dict[str, Any] = {"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}
        if window:
            config["storage"] = {"tsdb": {"out_of_order_time_window": window}}
        (dir / "prometheus.yml").write_text(json.dumps(config))
        command = [
            "prometheus",
            f"--config.file={dir / 'prometheus.yml'}",
            f"--storage.tsdb.path={dir / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            *(["--web.enable-remote-write-receiver"] if receives else []),
            *options,
        ]
        super().__init__(command, dir / "log", **client)
        until(self._is_ready)

    @property
    def write_url(self) -> str:
        return f"{self.url}/api/v1/write"

    def query(self, expression: str, time: float | None = None) -> list[dict[str, Any]]:
        """The result of an instant query; a wrong one fails the test."""
        params = {"query": expression} | ({} if time is None else {"time": str(time)})
        answer = self.client.post("/api/v1/query", data=params)
        assert answer.status_code == 200, (expression, answer.text)
        result: list[dict[str, Any]] = answer.json()["data"]["result"]
        return result

    def samples(self, selector: str, back: str = "3h") -> list[tuple[int, float]]:
        """Every sample that is stored, by time in ms, of all series that are selected."""
        found = [
            (round(float(moment) * 1000), float(value))
            for series in self.query(f"{selector}[{back}]")
            for moment, value in series["values"]
        ]
        return sorted(found)

    def _is_ready(self) -> bool:
        try:
            return self.client.get("/-/ready").is_success
        except httpx.HTTPError:
            return False


class Victoria(Server):
    """VictoriaMetrics, single-node."""

    def __init__(self, dir: Path) -> None:
        dir.mkdir(parents=True, exist_ok=True)
        command = [
            "victoria-metrics",
            f"-storageDataPath={dir / 'data'}",
            "-httpListenAddr=127.0.0.1:0",
            "-retentionPeriod=12",
            "-search.latencyOffset=0s",
            "-memory.allowedPercent=5",
        ]
        super().__init__(command, dir / "log")

    @property
    def write_url(self) -> str:
        return f"{self.url}/api/v1/write"

    def samples(self, selector: str) -> list[tuple[int, float]]:
        """Every sample that is stored."""
        self.client.get("/internal/force_flush")
        answer = self.client.get("/api/v1/export", params={"match[]": selector})
        lines = [json.loads(line) for line in answer.text.splitlines()]
        return sorted(
            pair for each in lines for pair in zip(each["timestamps"], each["values"], strict=True)
        )

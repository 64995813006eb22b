"""Hostile senders: each gets the right status, none takes much memory or harms another."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from starlette.responses import Response

from otel_trackio_collector.admission import Limits
from otel_trackio_collector.httpserver import HttpServer
from tests.collector.made import gauge, points
from tests.collector.senders import (
    HOST,
    PATIENCE,
    GrpcSender,
    HttpSender,
    Receivers,
    Sender,
    receivers,
    until,
)

ROOT = Path(__file__).parents[2]
MIB = 1 << 20
BOTH = pytest.mark.parametrize("protocol", ["grpc", "http"])

GOOD = gauge("train.loss", [0.5, 0.25, 0.125])


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Receivers]:
    with receivers(tmp_path / "requests.db") as found:
        yield found


@BOTH
def test_garbage_is_refused_for_good(served: Receivers, protocol: str) -> None:
    """What is no request is INVALID_ARGUMENT or 400, without a hint to retry; nothing is kept."""
    sender = served.sender(protocol)
    for body in (b"garbage", GOOD[:-1], b"\x0a\xff\xff\xff\xff\x0f", b"\x00" * 100):
        answer = sender.send(body)
        assert (answer.code, answer.retry_after) == ("INVALID_ARGUMENT", None)
        assert answer.http in (0, 400)
    assert served.kept() == []
    assert sender.send(GOOD).code == "OK"
    sender.close()


def nested(depth: int) -> bytes:
    """An attribute that is an array in an array in an array."""
    value = b""
    for _ in range(depth):
        inner = b"\x0a" + _length(value) + value
        value = b"\x2a" + _length(inner) + inner
    keyed = b"\x0a\x01k\x12" + _length(value) + value
    resource = b"\x0a" + _length(keyed) + keyed
    metrics = b"\x0a" + _length(resource) + resource
    return b"\x0a" + _length(metrics) + metrics


def _length(body: bytes) -> bytes:
    number, out = len(body), bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


BOMBS: dict[str, Callable[[], bytes]] = {
    "nested": lambda: nested(5_000),
    "empty resources": lambda: b"\x0a\x00" * (20 * MIB),
    "empty scopes": lambda: b"\x0a\x02\x12\x00" * (10 * MIB),
    "one attribute": lambda: _of_resource(b"\x0a\x00" * (10 * MIB)),
    "empty points": lambda: _of_gauge(b"\x0a\x00" * (10 * MIB)),
    "zeros": lambda: bytes(60 * MIB),
}


def _of_resource(attributes: bytes) -> bytes:
    resource = b"\x0a" + _length(attributes) + attributes
    return b"\x0a" + _length(resource) + resource


def _of_gauge(data: bytes) -> bytes:
    for tag in (b"\x2a", b"\x12", b"\x12", b"\x0a"):
        data = tag + _length(data) + data
    return data


@BOTH
def test_bombs_take_no_memory(tmp_path: Path, protocol: str) -> None:
    """Whatever unfolds to more than it seems is refused, within bounded memory and time."""
    command = (sys.executable, "-m", "tests.collector.receiving", str(tmp_path / "requests.db"))
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ports = [int(port) for port in process.stdout.readline().split()]
        sender: Sender = GrpcSender(ports[0]) if protocol == "grpc" else HttpSender(ports[1])
        assert sender.send(GOOD).code == "OK"
        for name, made in BOMBS.items():
            answer = sender.send(made(), packed=True)
            assert answer.code in ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"), (name, answer)
            assert answer.retry_after is None
        for body in (bytes(100 * MIB), bytes(400 * MIB)):
            answer = sender.send(body, packed=True)
            assert answer.code == "RESOURCE_EXHAUSTED"
            assert answer.http in (0, 413)
        assert sender.send(GOOD).code == "OK"
        most = peak(process.pid)
        process.stdin.close()
    sender.close()
    assert most < 500 * MIB


def peak(pid: int) -> int:
    """Bytes that the process has held at most."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def test_a_slow_sender_is_let_go(tmp_path: Path) -> None:
    """One that never ends its request is answered 408 in time; others are served meanwhile."""
    limits = Limits(read_seconds=0.3)
    with receivers(tmp_path / "requests.db", limits=limits) as served:
        loris = [socket.create_connection((HOST, served.http.port)) for _ in range(50)]
        for each in loris:
            each.settimeout(PATIENCE)
            each.sendall(
                b"POST /v1/metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n"
                b"Content-Type: application/x-protobuf\r\n\r\n\x0a"
            )
        for protocol in ("grpc", "http"):
            sender = served.sender(protocol)
            assert sender.send(GOOD).code == "OK"
            sender.close()
        assert loris[0].recv(100).startswith(b"HTTP/1.1 408")
        staller = GrpcSender(served.grpc.port)
        assert staller.stall().code == "DEADLINE_EXCEEDED"
        staller.close()
        until(lambda: served.reception.admission.requests == 0)
        for each in loris:
            each.close()


def silent(port: int, many: int) -> list[socket.socket]:
    """Connections that bring nothing."""
    found = [socket.create_connection((HOST, port)) for _ in range(many)]
    for each in found:
        each.settimeout(PATIENCE)
    return found


def test_silent_connections_are_closed() -> None:
    """Who connects and says nothing, or not all that a request begins with, is let go."""
    server = HttpServer(Response("here"), f"{HOST}:0", silent_seconds=0.2)
    server.start()
    try:
        mute, slow = silent(server.port, 2)
        slow.sendall(b"POST /v1/metrics HTTP/1.1\r\nHost: h\r\n")
        assert mute.recv(100) == b""
        assert slow.recv(100) == b""
        mute.close()
        slow.close()
    finally:
        server.stop()


def test_too_many_connections_are_told_when_to_come_again() -> None:
    """One beyond the limit hears 503 with Retry-After, and is served once others are gone."""
    server = HttpServer(Response("here"), f"{HOST}:0", max_connections=3, silent_seconds=PATIENCE)
    server.start()
    url = f"http://{HOST}:{server.port}"
    try:
        others = silent(server.port, 3)
        until(lambda: httpx.get(url, timeout=PATIENCE).status_code == 503)
        answer = httpx.get(url, timeout=PATIENCE)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        for each in others:
            each.close()
        until(lambda: httpx.get(url, timeout=PATIENCE).status_code == 200)
    finally:
        server.stop()


@BOTH
def test_a_bad_sender_harms_no_good_one(
    served: Receivers, protocol: str, size: Callable[[int, int], int]
) -> None:
    """Among many that send garbage every good request is kept, in order for each sender."""
    done = threading.Event()

    def spoil(seed: int) -> None:
        made, sender = random.Random(seed), served.sender(protocol)
        while not done.is_set():
            sender.send(made.randbytes(made.randrange(2_000)))
        sender.close()

    spoilers = [threading.Thread(target=spoil, args=(seed,)) for seed in range(4)]
    for each in spoilers:
        each.start()
    count = size(50, 1_000)
    wrong: list[str] = []

    def send(number: int) -> None:
        sender = served.sender(protocol)
        answers = [sender.send(gauge(f"s{number}", [n])).code for n in range(count)]
        wrong.extend(code for code in answers if code != "OK")
        sender.close()

    senders = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for each in senders:
        each.start()
    for each in senders:
        each.join()
    done.set()
    for each in spoilers:
        each.join()
    assert wrong == []
    kept = [point for body in served.kept() for point in points(body)]
    found = {f"s{n}": [v for _, name, v in kept if name == f"s{n}"] for n in range(8)}
    assert found == {f"s{number}": list(map(float, range(count))) for number in range(8)}


@BOTH
def test_no_body_breaks_it(
    served: Receivers, protocol: str, size: Callable[[int, int], int]
) -> None:
    """Truncated, flipped, spliced and random bodies: a right status each, only what parses kept."""
    made, sender = random.Random(7), served.sender(protocol)
    base = GOOD + gauge("grad.norm", [1.0, 2.0], resource={"service.name": "x"})
    kept = 0
    for _ in range(size(300, 10_000)):
        answer = sender.send(spoiled(base, made))
        assert answer.code in ("OK", "INVALID_ARGUMENT"), answer
        kept += answer.code == "OK"
    for body in served.kept():
        ExportMetricsServiceRequest.FromString(body)
    assert kept >= len(served.kept()) > 0
    assert sender.send(GOOD).code == "OK"
    assert served.reception.admission.in_flight == 0
    sender.close()


def spoiled(body: bytes, made: random.Random) -> bytes:
    way = made.randrange(4)
    if way == 0:
        return body[: made.randrange(len(body))]
    if way == 1:
        flipped = bytearray(body)
        for _ in range(made.randrange(1, 4)):
            flipped[made.randrange(len(body))] ^= 1 << made.randrange(8)
        return bytes(flipped)
    if way == 2:
        cut, other = made.randrange(len(body)), made.randrange(len(body))
        return body[:cut] + body[other:]
    return made.randbytes(made.randrange(200))


def test_memory_stays_while_many_send(tmp_path: Path, size: Callable[[int, int], int]) -> None:
    """Many clients with large requests at once: the receiver's memory stays within its bound."""
    command = (sys.executable, "-m", "tests.collector.receiving", str(tmp_path / "requests.db"))
    body = b"".join(gauge(f"m{n}", range(1_000)) for n in range(100))
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ports = [int(port) for port in process.stdout.readline().split()]
        wrong: list[str] = []

        def send(number: int) -> None:
            sender: Sender = GrpcSender(ports[0]) if number % 2 else HttpSender(ports[1])
            for _ in range(size(5, 100)):
                answer = sender.send(body)
                wrong.extend([answer.code] if answer.code not in ("OK", "UNAVAILABLE") else [])
            sender.close()

        senders = [threading.Thread(target=send, args=(number,)) for number in range(20)]
        for each in senders:
            each.start()
        for each in senders:
            each.join()
        assert wrong == []
        assert psutil.pid_exists(process.pid)
        most = peak(process.pid)
        process.stdin.close()
    assert most < 600 * MIB

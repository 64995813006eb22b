"""OTLP out, over gRPC and over HTTP, to a collector of ours and to servers that answer oddly."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from email.utils import formatdate
from pathlib import Path

import grpc
import pytest
from google.protobuf.any_pb2 import Any as Detail
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)

from otel_trackio.endpoint import url_of
from otel_trackio.errors import ConfigError
from otel_trackio.peer import Refused, Retryable
from otel_trackio_collector.admission import Admission, Limits, Tokens
from otel_trackio_collector.clienttls import ClientTls
from otel_trackio_collector.forwarding import Sent
from otel_trackio_collector.grpcreceiver import GrpcReceiver
from otel_trackio_collector.httpreceiver import metrics_app
from otel_trackio_collector.httpserver import HttpServer
from otel_trackio_collector.otlpexport import OtlpExporter
from otel_trackio_collector.otlpgrpc import COMPRESSION, METHOD, GrpcPeer
from otel_trackio_collector.otlphttp import PACK, HttpPeer
from otel_trackio_collector.otlpstatus import RETRY_DETAILS, STATUS_DETAILS
from otel_trackio_collector.reception import Reception
from otel_trackio_collector.requestlog import Entry, RequestLog
from otel_trackio_collector.servertls import ServerTls
from tests.collector.certificates import Authority
from tests.collector.made import every_point, gauge, merged
from tests.collector.sinks import PROTOBUF, TAKEN, Answer, serving, unused_port

BOTH = pytest.mark.parametrize("protocol", ["grpc", "http"])


def entries(*bodies: bytes) -> list[Entry]:
    return [Entry(n, 0, body, len(every_point(body))) for n, body in enumerate(bodies, 1)]


class Chained:
    """A collector of ours that others send to: what it took is in its log."""

    def __init__(
        self,
        path: Path,
        protocol: str,
        tls: ServerTls | None = None,
        tokens: Sequence[str] = (),
        max_bytes: int = 64 << 20,
    ) -> None:
        self._log = RequestLog(path)
        admission = Admission(Limits(max_request_bytes=max_bytes))
        reception = self._reception = Reception(self._log, admission, Tokens(tokens))
        self._server: GrpcReceiver | HttpServer
        if protocol == "grpc":
            self._server = GrpcReceiver(reception, "127.0.0.1:0", tls)
        else:
            self._server = HttpServer(metrics_app(reception), "127.0.0.1:0", tls)
        self._server.start()
        self._protocol = protocol
        self._tls = tls is not None

    @property
    def endpoint(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._server.port}"

    def taken(self) -> list[bytes]:
        return [each.body for each in self._log.read(0, 1 << 30)]

    def exporter(
        self,
        tls: ClientTls | None = None,
        headers: dict[str, str] | None = None,
        compression: str = "gzip",
        max_bytes: int = 3_500_000,
    ) -> OtlpExporter:
        if self._protocol == "grpc":
            grpc_peer = GrpcPeer(self.endpoint, headers, tls, compression)
            return OtlpExporter("far", grpc_peer, max_bytes)
        http_peer = HttpPeer(url_of(self.endpoint), headers, tls, compression)
        return OtlpExporter("far", http_peer, max_bytes)

    def close(self) -> None:
        self._reception.stop()
        self._server.stop()
        self._log.close()


Chain = Callable[..., Chained]


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    with ExitStack() as stack:

        def made(protocol: str, **given: object) -> Chained:
            chained = Chained(tmp_path / "chained.db", protocol, **given)  # type: ignore[arg-type]
            stack.callback(chained.close)
            return chained

        yield made


def sent(exporter: OtlpExporter, found: list[Entry]) -> Sent:
    try:
        return exporter.export(found)
    finally:
        exporter.close()


@pytest.mark.parametrize(
    ("protocol", "compression"),
    [*(("grpc", each) for each in COMPRESSION), *(("http", each) for each in PACK)],
)
def test_a_collector_of_ours_takes_it(chain: Chain, protocol: str, compression: str) -> None:
    """Whatever the compression, the requests arrive joined, each point once."""
    chained = chain(protocol)
    bodies = [gauge("loss", [1.0, 2.0]), gauge("lr", [3.0])]
    assert sent(chained.exporter(compression=compression), entries(*bodies)) == Sent(3)
    assert chained.taken() == [merged(*bodies)]


@BOTH
def test_what_is_too_large_is_split(chain: Chain, protocol: str) -> None:
    """Messages above the limit are cut between points; the union of the parts is the whole."""
    chained = chain(protocol)
    body = gauge("loss", map(float, range(5_000)))
    assert sent(chained.exporter(max_bytes=10_000), entries(body)) == Sent(5_000)
    assert len(chained.taken()) > 10
    assert max(map(len, chained.taken())) <= 10_000
    assert every_point(merged(*chained.taken())) == every_point(body)


@BOTH
def test_a_limit_is_learned_from_the_peer(chain: Chain, protocol: str) -> None:
    """A peer that takes less than we thought gets less from then on, and all of it."""
    chained = chain(protocol, max_bytes=40_000)
    body = gauge("loss", map(float, range(5_000)))
    exporter = chained.exporter()
    assert sent(exporter, entries(body)) == Sent(5_000)
    assert exporter.max_bytes <= 40_000
    assert every_point(merged(*chained.taken())) == every_point(body)


@BOTH
def test_tokens(chain: Chain, protocol: str) -> None:
    """Headers are sent, so a bearer token opens; without it the request is refused for good."""
    chained = chain(protocol, tokens=["open sesame"])
    authorized = chained.exporter(headers={"Authorization": "Bearer open sesame"})
    assert sent(authorized, entries(gauge("loss", [1.0]))) == Sent(1)
    with pytest.raises(Refused, match=r"UNAUTHENTICATED|401"):
        sent(chained.exporter(), entries(gauge("loss", [2.0])))
    assert len(chained.taken()) == 1


@BOTH
def test_tls_both_ways(chain: Chain, protocol: str, tmp_path: Path) -> None:
    """Each shows who it is to the other; one that cannot gets no further, and may try again."""
    authority = Authority(tmp_path / "tls")
    server, client = authority.sign("server"), authority.sign("client")
    trust = authority.pair.cert
    chained = chain(protocol, tls=ServerTls(server.cert, server.key, trust))
    known = ClientTls(ca_file=trust, cert_file=client.cert, key_file=client.key)
    assert sent(chained.exporter(known), entries(gauge("loss", [1.0]))) == Sent(1)
    for unknown in (ClientTls(), ClientTls(ca_file=trust)):
        with pytest.raises(Retryable):
            sent(chained.exporter(unknown), entries(gauge("loss", [2.0])))
    assert len(chained.taken()) == 1


def test_tls_files_that_are_none(tmp_path: Path) -> None:
    """They are an error at the start, which names the setting."""
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    with pytest.raises(ConfigError, match="tls"):
        HttpPeer("https://127.0.0.1:1/v1/metrics", tls=ClientTls(ca_file=bad))
    with pytest.raises(ConfigError, match="tls"):
        GrpcPeer("127.0.0.1:1", tls=ClientTls(ca_file=tmp_path / "absent.pem"))


@BOTH
def test_nobody_there(protocol: str) -> None:
    """A server that is not there may be there later."""
    url = f"http://127.0.0.1:{unused_port()}"
    peer = GrpcPeer(url) if protocol == "grpc" else HttpPeer(url_of(url))
    with pytest.raises(Retryable):
        sent(OtlpExporter("far", peer), entries(gauge("loss", [1.0])))


def http_answer(answer: Answer) -> Sent:
    with serving(lambda number, body: answer) as sink:
        exporter = OtlpExporter("far", HttpPeer(url_of(sink.url)))
        return sent(exporter, entries(gauge("loss", [1.0, 2.0])))


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_statuses_to_try_again(status: int) -> None:
    """The four that the OTLP specification names, with what the peer says of when."""
    with pytest.raises(Retryable) as caught:
        http_answer(Answer(status, headers={"Retry-After": "7"}))
    assert caught.value.after == 7.0


def test_when_as_a_date() -> None:
    """Retry-After may be a date; what is neither is passed over."""
    later = formatdate(time.time() + 3_600, usegmt=True)
    with pytest.raises(Retryable) as caught:
        http_answer(Answer(503, headers={"Retry-After": later}))
    assert caught.value.after == pytest.approx(3_600, abs=60)
    with pytest.raises(Retryable) as caught:
        http_answer(Answer(503, headers={"Retry-After": "soon"}))
    assert caught.value.after is None


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 408, 500, 501, 505])
def test_statuses_for_good(status: int) -> None:
    """All others are never tried again; what the peer says of it is told on."""
    body = Status(message="too bad").SerializeToString()
    with pytest.raises(Refused, match=f"{status} .*too bad"):
        http_answer(Answer(status, body, {**PROTOBUF, "Location": "http://127.0.0.1:1/"}))


def partial(rejected: int, message: str) -> ExportMetricsServiceResponse:
    response = ExportMetricsServiceResponse()
    response.partial_success.rejected_data_points = rejected
    response.partial_success.error_message = message
    return response


def test_partial_success_over_http() -> None:
    """In protobuf and in JSON: what was rejected is told, and is no failure."""
    answer = Answer(body=partial(1, "too old").SerializeToString(), headers=PROTOBUF)
    assert http_answer(answer) == Sent(1, 1, "too old")
    told = {"partialSuccess": {"rejectedDataPoints": "1", "errorMessage": "too old"}}
    answer = Answer(body=json.dumps(told).encode(), headers={"Content-Type": "application/json"})
    assert http_answer(answer) == Sent(1, 1, "too old")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b"\xff\xff", headers=PROTOBUF),
        Answer(body=b"{", headers={"Content-Type": "application/json"}),
        Answer(body=b"<html>Welcome</html>", headers={"Content-Type": "text/html; charset=x"}),
        Answer(body=b"\0" * (5 << 20), headers=PROTOBUF),
    ],
)
def test_success_that_is_none(answer: Answer) -> None:
    """An answer of 200 that is not OTLP is no success: the data is kept and tried again."""
    with pytest.raises(Retryable):
        http_answer(answer)


def test_success_of_few_words() -> None:
    """Servers that answer with nothing, or in a type that OTLP does not have, have taken it."""
    assert http_answer(Answer()) == Sent(2)
    assert http_answer(Answer(body=b"ok", headers={"Content-Type": "text/plain"})) == Sent(2)


def test_parts_that_went_do_not_go_again() -> None:
    """When a part fails, the export after that goes on with it."""

    def behave(number: int, body: bytes) -> Answer:
        return Answer(503) if number == 2 else TAKEN

    body = gauge("loss", map(float, range(1_000)))
    with serving(behave) as sink:
        exporter = OtlpExporter("far", HttpPeer(url_of(sink.url)), max_bytes=5_000)
        with pytest.raises(Retryable):
            exporter.export(entries(body))
        assert sent(exporter, entries(body)) == Sent(1_000)
        assert sink.values() == [float(each) for each in range(1_000)]


def test_a_part_that_is_refused_is_counted() -> None:
    """The other parts of the request go, and the points of that one are rejected ones."""

    def behave(number: int, body: bytes) -> Answer:
        return Answer(400) if number == 1 else TAKEN

    body = gauge("loss", map(float, range(1_000)))
    with serving(behave) as sink:
        exporter = OtlpExporter("far", HttpPeer(url_of(sink.url)), max_bytes=5_000)
        result = sent(exporter, entries(body))
        assert result.points == len(sink.values())
        assert result.points + result.rejected == 1_000
        assert result.rejected > 0


Behave = Callable[[bytes, grpc.ServicerContext], bytes]


@contextmanager
def grpc_server(behave: Behave) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
    service, method = METHOD.strip("/").split("/")
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        method: grpc.unary_unary_rpc_method_handler(behave)
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


def grpc_answer(behave: Behave) -> Sent:
    with grpc_server(behave) as url:
        exporter = OtlpExporter("far", GrpcPeer(url, timeout=20.0))
        return sent(exporter, entries(gauge("loss", [1.0, 2.0])))


def failing(code: grpc.StatusCode, trailers: Sequence[tuple[str, bytes]] = ()) -> Behave:
    def behave(request: bytes, context: grpc.ServicerContext) -> bytes:
        context.set_trailing_metadata(tuple(trailers))
        context.abort(code, "so it is")
        raise AssertionError

    return behave


RETRIED = {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}


@pytest.mark.parametrize("code", [each for each in grpc.StatusCode if each.name != "OK"])
def test_codes(code: grpc.StatusCode) -> None:
    """Those that the OTLP specification names are tried again, and no others."""
    kind = Retryable if code.name in RETRIED else Refused
    with pytest.raises(kind, match=code.name):
        grpc_answer(failing(code))


def trailers() -> list[tuple[str, bytes]]:
    info = RetryInfo(retry_delay=Duration(seconds=7, nanos=500_000_000))
    detail = Detail()
    detail.Pack(info)
    status = Status(code=8, details=[detail])
    return [(STATUS_DETAILS, status.SerializeToString()), (RETRY_DETAILS, info.SerializeToString())]


@pytest.mark.parametrize("place", [0, 1])
def test_retry_info(place: int) -> None:
    """RESOURCE_EXHAUSTED is tried again where the peer says when, in either place for that."""
    with pytest.raises(Retryable) as caught:
        grpc_answer(failing(grpc.StatusCode.RESOURCE_EXHAUSTED, [trailers()[place]]))
    assert caught.value.after == 7.5


def test_partial_success_over_grpc() -> None:
    """What was rejected is told, and is no failure."""
    answer = partial(1, "too old").SerializeToString()
    assert grpc_answer(lambda request, context: answer) == Sent(1, 1, "too old")


def test_garbage_over_grpc() -> None:
    """An answer that is no message is no success."""
    with pytest.raises(Retryable):
        grpc_answer(lambda request, context: b"\xff\xff")

"""Receivers over TLS: who is served, and who must show a certificate."""

from __future__ import annotations

import ssl
from pathlib import Path

import grpc
import pytest

from otel_trackio.errors import ConfigError
from otel_trackio_collector.servertls import ServerTls
from tests.collector.certificates import Authority
from tests.collector.made import gauge
from tests.collector.senders import (
    GrpcSender,
    HttpSender,
    Receivers,
    Sender,
    receivers,
)

BOTH = pytest.mark.parametrize("protocol", ["grpc", "http"])

GOOD = gauge("train.loss", [0.5, 0.25, 0.125])


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, pairs for `localhost` and for a client by it, and one by another."""
    dir = tmp_path_factory.mktemp("certificates")
    authority = Authority(dir)
    authority.sign("localhost")
    authority.sign("client")
    Authority(dir / "other").sign("stranger")
    return dir


def _tls_sender(served: Receivers, protocol: str, dir: Path, client: str = "") -> Sender:
    if protocol == "http":
        context = ssl.create_default_context(cafile=str(dir / "authority.pem"))
        if client:
            context.load_cert_chain(dir / f"{client}.pem", dir / f"{client}.key")
        return HttpSender(served.http.port, context=context)
    pair = [(dir / f"{client}.{end}").read_bytes() for end in ("key", "pem")] if client else []
    credentials = grpc.ssl_channel_credentials((dir / "authority.pem").read_bytes(), *pair)
    return GrpcSender(served.grpc.port, credentials=credentials)


@BOTH
def test_tls_is_spoken(tmp_path: Path, certificates: Path, protocol: str) -> None:
    """Senders that trust the authority are served; one that speaks no TLS is not."""
    tls = ServerTls(certificates / "localhost.pem", certificates / "localhost.key")
    with receivers(tmp_path / "requests.db", tls=tls) as served:
        sender = _tls_sender(served, protocol, certificates)
        assert sender.send(GOOD).code == "OK"
        sender.close()
        assert not _got_through(served.sender(protocol))
        assert served.kept() == [GOOD]


@BOTH
def test_mutual_tls_knows_its_senders(tmp_path: Path, certificates: Path, protocol: str) -> None:
    """With `client_ca_file` only those with a certificate of that authority are served."""
    authority = certificates / "authority.pem"
    tls = ServerTls(certificates / "localhost.pem", certificates / "localhost.key", authority)
    with receivers(tmp_path / "requests.db", tls=tls) as served:
        sender = _tls_sender(served, protocol, certificates, "client")
        assert sender.send(GOOD).code == "OK"
        sender.close()
        for client in ("", "other/stranger"):
            assert not _got_through(_tls_sender(served, protocol, certificates, client))
        assert served.kept() == [GOOD]


def _got_through(sender: Sender) -> bool:
    try:
        return sender.send(GOOD).code == "OK"
    except (OSError, ssl.SSLError):
        return False
    finally:
        sender.close()


def test_wrong_files_are_told_at_once(tmp_path: Path) -> None:
    """Certificates that cannot be read are an error of the configuration, not of each sender."""
    (tmp_path / "no.pem").write_text("no certificate")
    for path in (tmp_path / "no.pem", tmp_path / "missing.pem"):
        with pytest.raises(ConfigError, match=r"tls: .*; cert_file, key_file and client_ca_file"):
            ServerTls(path, path).credentials()

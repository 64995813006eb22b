"""TLS as a client: whom to trust, and who we are."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

from otel_trackio.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ClientTls:
    """The official Collector's `tls` of an exporter. Files are PEM.

    `insecure` is no TLS at all, for gRPC endpoints without a scheme; without `ca_file` the
    system's authorities are trusted.
    """

    insecure: bool = False
    insecure_skip_verify: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name_override: str = ""

    def context(self) -> ssl.SSLContext:
        """For HTTP. Raises ConfigError for files that cannot be used."""
        for path in (self.ca_file, self.cert_file, self.key_file):
            _content(path)  # Its error names the file, which that of ssl does not.
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                context.load_cert_chain(self.cert_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"tls: {error}", "ca_file, cert_file and key_file are PEM") from error
        if self.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def credentials(self) -> grpc.ChannelCredentials:
        """For gRPC. Raises ConfigError."""
        if self.insecure_skip_verify:
            raise ConfigError("tls: gRPC here verifies always", "name the authority by ca_file")
        return grpc.ssl_channel_credentials(
            _content(self.ca_file), _content(self.key_file), _content(self.cert_file)
        )


def _content(path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise ConfigError(f"tls: {error}", "ca_file, cert_file and key_file are PEM") from error

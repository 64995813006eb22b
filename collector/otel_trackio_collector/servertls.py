"""TLS as a server: who we are, and whom we ask who they are."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

from otel_trackio.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ServerTls:
    """The official Collector's `tls` of a receiver. Files are PEM.

    With `client_ca_file` every sender must show a certificate of that authority.
    """

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """For gRPC. Raises ConfigError for files that cannot be used."""
        self.context()  # gRPC itself accepts anything, and fails at the first connection.
        pair = (self.key_file.read_bytes(), self.cert_file.read_bytes())
        authority = None if self.client_ca_file is None else self.client_ca_file.read_bytes()
        return grpc.ssl_server_credentials([pair], authority, authority is not None)

    def context(self) -> ssl.SSLContext:
        """For HTTP. Raises ConfigError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            for path in (self.cert_file, self.key_file, self.client_ca_file):
                if path is not None:
                    path.read_bytes()  # Its error names the file, which that of ssl does not.
            context.load_cert_chain(self.cert_file, self.key_file)
            if self.client_ca_file is not None:
                context.load_verify_locations(self.client_ca_file)
                context.verify_mode = ssl.CERT_REQUIRED
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"tls: {error}", "cert_file, key_file and client_ca_file are PEM files"
            ) from error
        return context

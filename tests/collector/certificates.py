"""An authority made for a test, and what it signs, by the openssl of the system."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")

# Python 3.13 takes no certificate that does not say whose key signed it.
EXTENSIONS = """\
subjectAltName=IP:127.0.0.1,DNS:localhost
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, PEM."""

    cert: Path
    key: Path


class Authority:
    """Signs for 127.0.0.1 and localhost."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self.pair = Pair(folder / "authority.pem", folder / "authority.key")
        subject = ("-x509", "-subj", "/CN=authority of a test", "-days", "2")
        usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
        openssl("req", *KEY, *subject, *usage, "-keyout", self.pair.key, "-out", self.pair.cert)

    def sign(self, name: str) -> Pair:
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, names = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        names.write_text(EXTENSIONS)
        openssl("req", *KEY, "-subj", f"/CN={name}", "-keyout", pair.key, "-out", request)
        signer = ("-CA", self.pair.cert, "-CAkey", self.pair.key, "-CAcreateserial", "-days", "2")
        openssl("x509", "-req", "-in", request, *signer, "-extfile", names, "-out", pair.cert)
        return pair


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

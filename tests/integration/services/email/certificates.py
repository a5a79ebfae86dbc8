"""A certificate authority of the test's own, and certificates for localhost, or another name, signed by it."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from tests.servers import absent

_NEW_KEY = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_AUTHORITY = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
"""Python 3.13 takes no authority that does not say what its key is for."""

_CA_CONFIG = """
[ca]
default_ca = authority
[authority]
database = issued.txt
serial = serial.txt
new_certs_dir = .
default_md = sha256
policy = names
copy_extensions = copy
unique_subject = no
[names]
commonName = supplied
"""


@dataclass(frozen=True)
class Certificates:
    """`ca_file` is what a client has to trust; `certificate` and `key` are what a server speaks TLS with."""

    ca_file: Path
    certificate: Path
    key: Path

    @property
    def server(self) -> ssl.SSLContext:
        """The same for a server in this process."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def another(self, folder: Path, host: str = "localhost", *, days: int = 2) -> "Certificates":
        """Another certificate by the same authority, in another folder; with negative `days` it has expired."""
        return _signed(folder, self.ca_file, host, days)


def make_certificates(folder: Path, host: str = "localhost") -> Certificates:
    """Writes an authority and a certificate into `folder`; without the program openssl skips, and fails in CI."""
    _openssl(
        folder,
        *(*_NEW_KEY, "-x509", "-days", "2", "-subj", "/CN=Test authority", *_AUTHORITY),
        *("-keyout", "ca.key", "-out", "ca.pem"),
    )
    return _signed(folder, folder / "ca.pem", host, days=2)


def _signed(folder: Path, ca_file: Path, host: str, days: int) -> Certificates:
    names = ("-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}", "-addext", "basicConstraints=CA:FALSE")
    _openssl(folder, *_NEW_KEY, *names, "-keyout", "server.key", "-out", "server.csr")
    # `openssl ca`, because newer releases of `openssl x509` sign nothing that has expired.
    (folder / "ca.cnf").write_text(_CA_CONFIG, encoding="utf-8")
    (folder / "issued.txt").touch()
    (folder / "serial.txt").write_text(f"{uuid4().hex}\n", encoding="utf-8")
    now = datetime.now(UTC)
    start, end = (f"{at:%Y%m%d%H%M%SZ}" for at in (now - timedelta(days=7), now + timedelta(days=days)))
    _openssl(
        folder,
        *("ca", "-batch", "-notext", "-config", "ca.cnf", "-in", "server.csr", "-out", "server.pem"),
        *("-cert", ca_file, "-keyfile", ca_file.with_suffix(".key"), "-startdate", start, "-enddate", end),
    )
    return Certificates(ca_file, folder / "server.pem", folder / "server.key")


def _openssl(folder: Path, *arguments: str | Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        absent("the program openssl is missing: apt-get install openssl")
    subprocess.run([openssl, *arguments], check=True, capture_output=True, cwd=folder)  # noqa: S603 - the test's own

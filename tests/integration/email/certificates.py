"""A certificate authority of the test's own, and a certificate for localhost signed by it."""

import os
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Certificates:
    """`ca_file` is what a client has to trust; `server` is what a server speaks TLS with."""

    ca_file: Path
    server: ssl.SSLContext


def make_certificates(folder: Path, host: str = "localhost") -> Certificates:
    """Writes new ones into `folder`; without the program openssl the test is skipped, except in CI."""
    openssl = shutil.which("openssl")
    if openssl is None:
        if os.environ.get("CI"):
            pytest.fail("the program openssl is missing")
        pytest.skip("the program openssl is missing")

    def run(*arguments: str | Path) -> None:
        subprocess.run([openssl, *arguments], check=True, capture_output=True)  # noqa: S603 - the test's own arguments

    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    ca, ca_key, certificate, key = (folder / name for name in ("ca.pem", "ca.key", "server.pem", "server.key"))
    run(*new, "-subj", "/CN=Test authority", "-keyout", ca_key, "-out", ca)
    names = ("-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}", "-addext", "basicConstraints=CA:FALSE")
    run(*new, *names, "-CA", ca, "-CAkey", ca_key, "-keyout", key, "-out", certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return Certificates(ca, context)

"""Certificates of brokers that are several: any client verifies them; they are kept, and made anew in time."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest

from deploy import certificates, credentials
from deploy.certificates import AUTHORITY, CERTIFICATE, KEY, certify
from nightshift.credentials.vault import Vault

HOSTS = ["nats", "nats-2", "nats-3"]


def handshake(root: Path, authority: str, host: str) -> None:
    """A client meets a broker with the certificate; verified as strictly as the standard library does."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(root / CERTIFICATE, root / KEY)
    client = ssl.create_default_context(cadata=authority)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(to_client, to_server, server_hostname=host)]
    ends.append(server.wrap_bio(to_server, to_client, server_side=True))
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue


@pytest.mark.parametrize("host", [*HOSTS, "localhost", "127.0.0.1"])
def test_a_client_verifies_each_broker_by_its_name(tmp_path: Path, host: str) -> None:
    """From another container, and from the machine itself."""
    handshake(tmp_path, certify(Vault(tmp_path), HOSTS), host)


def test_another_host_and_another_authority_are_refused(tmp_path: Path) -> None:
    """The check itself works."""
    authority = certify(Vault(tmp_path / "ours"), HOSTS)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(tmp_path / "ours", authority, "nats-4")
    theirs = certify(Vault(tmp_path / "theirs"), HOSTS)
    with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
        handshake(tmp_path / "ours", theirs, "nats")


def test_they_are_kept_while_they_fit(tmp_path: Path) -> None:
    """A start changes nothing; a broker more makes a certificate, by the same authority."""
    certify(Vault(tmp_path), HOSTS)
    before = {name: (tmp_path / name).read_text() for name in (AUTHORITY, CERTIFICATE)}
    certify(Vault(tmp_path), HOSTS)
    assert {name: (tmp_path / name).read_text() for name in before} == before
    certify(Vault(tmp_path), [*HOSTS, "nats-4"])
    assert (tmp_path / AUTHORITY).read_text() == before[AUTHORITY]
    handshake(tmp_path, before[AUTHORITY], "nats-4")


@pytest.mark.parametrize(("years", "anew"), [(2, set()), (4, {CERTIFICATE}), (19, {CERTIFICATE, AUTHORITY})])
def test_they_are_made_anew_two_years_before_they_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, years: int, anew: set[str]
) -> None:
    """At a start: nobody has to think of it."""
    certify(Vault(tmp_path), HOSTS)
    before = {name: (tmp_path / name).read_text() for name in (AUTHORITY, CERTIFICATE)}

    later = datetime.now(UTC) + timedelta(days=365 * years)
    monkeypatch.setattr(certificates, "datetime", Mock(now=Mock(return_value=later)))
    certify(Vault(tmp_path), HOSTS)
    assert {name for name, text in before.items() if (tmp_path / name).read_text() != text} == anew


def test_no_client_sees_a_key(tmp_path: Path) -> None:
    """Services have the authority's certificate; its key lies in a folder of its own, that of the brokers in theirs."""
    assert credentials.main(["--out", str(tmp_path), "--brokers", ",".join(HOSTS)]) == 0
    holders = {file.parent.name for file in tmp_path.rglob("nats-ca.pem")}
    assert {"email", "gateway", "console", "scheduler", "provision", "producer"} <= holders
    keys = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if _is_key(file)}
    assert keys == {"authority/ca-key.pem", "nats/server-key.pem"}
    password = (tmp_path / "authority/route-password").read_text()
    assert password in (tmp_path / "nats/routes.conf").read_text()


def _is_key(file: Path) -> bool:
    return file.is_file() and "PRIVATE KEY" in file.read_text(encoding="utf-8")

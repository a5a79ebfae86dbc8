"""Certificates for brokers that are several: an authority of their own, and one certificate for all of them.

The authority's key stays in a folder that no broker and no service sees. Both are made anew when they get old.
"""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from nightshift.credentials.vault import Vault

AUTHORITY, AUTHORITY_KEY = "authority/ca.pem", "authority/ca-key.pem"
CERTIFICATE, KEY, TRUSTED = "nats/server.pem", "nats/server-key.pem", "nats/ca.pem"
"""What each broker has; clients have the authority alone."""
_AUTHORITY_LASTS, _CERTIFICATE_LASTS, _RENEWED_BEFORE = timedelta(days=7300), timedelta(days=1825), timedelta(days=730)
_ALSO = ("localhost", "127.0.0.1")
"""How a client on the machine itself calls the broker."""


def certify(vault: Vault, hosts: Sequence[str]) -> str:
    """Make what is missing, has other names, or is old; return the authority's certificate, in PEM form."""
    names = [*hosts, *_ALSO]
    if not vault.has(AUTHORITY) or _is_old(vault.text(AUTHORITY)):
        _make_authority(vault)
        vault.write(CERTIFICATE, "")
    if not _fits(vault.text(CERTIFICATE), names):
        _make_certificate(vault, names)
    trusted = vault.text(AUTHORITY)
    vault.write(TRUSTED, trusted)
    return trusted


def _is_old(pem: str) -> bool:
    return x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc - datetime.now(UTC) < _RENEWED_BEFORE


def _fits(pem: str, names: Sequence[str]) -> bool:
    if not pem or _is_old(pem):
        return False
    certificate = x509.load_pem_x509_certificate(pem.encode())
    return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value) == _general(names)


def _general(names: Sequence[str]) -> list[x509.GeneralName]:
    return [_general_name(name) for name in names]


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _make_authority(vault: Vault) -> None:
    key, name = ec.generate_private_key(ec.SECP256R1()), _name("Nightshift's brokers")
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        _builder(name, name, key, _AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    vault.write(AUTHORITY_KEY, _private(key))
    vault.write(AUTHORITY, builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode())


def _make_certificate(vault: Vault, names: Sequence[str]) -> None:
    authority = x509.load_pem_x509_certificate(vault.text(AUTHORITY).encode())
    authority_key = load_pem_private_key(vault.text(AUTHORITY_KEY).encode(), None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{AUTHORITY_KEY} is not the key that was made here")
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    # A broker is a server to its clients, and a client of the other brokers.
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = (
        _builder(_name(names[0]), authority.subject, key, _CERTIFICATE_LASTS)
        .add_extension(x509.SubjectAlternativeName(_general(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(purposes, critical=False)
        .add_extension(identifier, critical=False)
    )
    vault.write(KEY, _private(key))
    vault.write(CERTIFICATE, builder.sign(authority_key, hashes.SHA256()).public_bytes(Encoding.PEM).decode())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, lasts: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks differ
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _private(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

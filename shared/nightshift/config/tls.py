"""TLS and credentials files: whether the files that settings name can be used, and why a certificate is refused."""

import re
import ssl
from collections.abc import Iterator
from pathlib import Path

_WRONG_NAME = frozenset({62, 64})
_OUT_OF_DATE = frozenset({9, 10, 14})
"""Of X509_V_ERR_…: host name and address mismatch; not yet valid, expired, no readable date of expiry."""

_CREDENTIALS = (
    re.compile(rb"-BEGIN NATS USER JWT-+\s+[\w.-]+\s+-"),
    re.compile(rb"-BEGIN USER NKEY SEED-+\s+SU[A-Z2-7]{56}\s"),
)
_LARGEST_CREDENTIALS = 65_536

_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE")
"""What the library says when the other side answers in the clear."""


def client_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return the context of a client, which verifies chain and host name.

    `ca_file` holds the authorities (PEM) that are trusted instead of the system's.

    Raises:
        OSError: the file cannot be read or holds no certificate.
    """
    return ssl.create_default_context(cafile=ca_file)


def is_file(path: Path) -> bool:
    """Return whether there is such a file; False for what cannot even be a path."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or behind a closed folder
        return False


def ca_file_problem(variable: str, ca_file: Path | None) -> Iterator[str]:
    """Yield a line for the settings' error if `ca_file`, which `variable` names, is no file of certificates."""
    if ca_file is None:
        return
    if not is_file(ca_file):
        yield f"{variable}: there is no file {ca_file}"
        return
    try:
        client_context(ca_file)
    except ssl.SSLError:
        yield f"{variable}: {ca_file} holds no certificate, expected one or several in PEM form"
    except (OSError, ValueError) as error:
        yield f"{variable}: cannot read {ca_file}: {getattr(error, 'strerror', None) or error}"


def creds_file_problem(variable: str, file: Path | None) -> Iterator[str]:
    """Yield a line for the settings' error if `file`, which `variable` names, holds no user's JWT and seed."""
    if file is None:
        return
    if not is_file(file):
        yield f"{variable}: there is no file {file}"
        return
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST_CREDENTIALS)
    except OSError as error:
        yield f"{variable}: cannot read {file}: {error.strerror or error}"
        return
    if not all(part.search(content) for part in _CREDENTIALS):
        yield f"{variable}: {file} holds no user's JWT and seed, as `nsc generate creds` writes them"


def explain_tls_error(error: BaseException, *, ca: str, address: str) -> str | None:
    """Explain why no TLS connection could be made and what to do; return None if `error` is about something else.

    `ca` and `address` are the variables that name the authority and the server.
    """
    found = _tls_error(error)
    if isinstance(found, ssl.SSLCertVerificationError):
        reason = found.verify_message.rstrip(".")
        return f"its certificate is refused ({reason}): {_advice(found.verify_code, ca, address)}"
    if found is not None and (found.reason or "") in _NO_TLS:
        return f"it does not speak TLS there ({found.reason}): check host, port and scheme in {address}"
    return None


def _advice(code: int, ca: str, address: str) -> str:
    if code in _WRONG_NAME:
        return f"{address} must call the server by a name that is in its certificate"
    if code in _OUT_OF_DATE:
        return "renew it (or its authority's) at the server, and look at the clocks"
    return f"{ca} must name the authority that signed it"


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """Return the library's error, which others wrap as their cause, their reason or their argument."""
    for _ in range(8):
        if error is None or isinstance(error, ssl.SSLError):
            return error
        inside = [getattr(error, "reason", None), *error.args, error.__cause__, error.__context__]
        error = next((one for one in inside if isinstance(one, BaseException)), None)
    return None

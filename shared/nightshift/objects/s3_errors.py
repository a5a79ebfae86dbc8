"""Translates errors of the S3 server: the object is missing, the store is unavailable, or it refuses."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from xml.etree import ElementTree as ET

from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError, MaxRetryError

from nightshift.config.tls import explain_tls_error
from nightshift.objects.object_store import ObjectMissingError, ObjectStoreRefusedError
from nightshift.outcomes import Unavailable

_SERVER_ERRORS = frozenset({"InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown"})
"""S3 error codes that blame the server, whatever the HTTP status with them."""

_CREDENTIALS = frozenset(
    {"AuthorizationHeaderMalformed", "ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch"}
)
_WANTS_TLS = re.compile(r"HTTP request\b.*\bto (?:an )?HTTPS|plain HTTP to an SSL-enabled", re.DOTALL)
"""The answers of Go's, nginx' and Apache's servers to plain HTTP on a port for TLS."""
_BUSY_STATUS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


@contextmanager
def s3_errors(place: str, key: str = "") -> Iterator[None]:
    """Turn the library's errors inside the block into those of the port; `place` names server and bucket."""
    try:
        yield
    except S3Error as error:
        raise meaning(error.code or "", error.response.status, error.message or "", place=place, key=key) from error
    except (ServerError, InvalidResponseError) as error:
        raise _without_code(error, place) from error
    except HTTPError as error:
        refused = explain_tls_error(error, ca="S3_CA_FILE", address="S3_ENDPOINT")
        raise Unavailable("objects", f"{place}: {refused or _cause(error)}") from error
    except (MinioException, ET.ParseError, ValueError) as error:
        raise Unavailable("objects", f"{place}: the answer is not S3's: {_line(error)}") from error


def meaning(code: str, status: int, message: str, *, place: str, key: str) -> Exception:
    """Return the port's error for one that the server answered: S3's code and text, and the HTTP status with them."""
    if code == "NoSuchKey":
        return ObjectMissingError(key)
    if code == "NoSuchBucket":
        return Unavailable("objects", f"{place}: the bucket does not exist; the provision step creates it")
    if code in _CREDENTIALS:
        return Unavailable("objects", f"{place}: the access key or the secret key is wrong ({code})")
    if code == "RequestTimeTooSkewed":
        return Unavailable("objects", f"{place}: this machine's clock differs too much from the server's ({code})")
    if code in _SERVER_ERRORS or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _BUSY_STATUS:
        return Unavailable("objects", f"{place}: the server says {code or status}: {message}")
    about = f" for object {key!r}" if key else ""
    return ObjectStoreRefusedError(f"{place}: the server refuses the request{about} ({code or status}: {message})")


def _without_code(error: ServerError | InvalidResponseError, place: str) -> Exception:
    status = error.status_code if isinstance(error, ServerError) else error._code  # noqa: SLF001 - no public form
    if status == HTTPStatus.BAD_REQUEST and _WANTS_TLS.search(str(error)):
        return Unavailable("objects", f"{place}: it speaks TLS only, write https:// in S3_ENDPOINT")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _BUSY_STATUS:
        return Unavailable("objects", f"{place}: HTTP status {status}")
    return ObjectStoreRefusedError(f"{place}: the request is refused with HTTP status {status}; is this an S3 server?")


def _cause(error: BaseException) -> str:
    """Return the innermost reason, without the library's wrapping."""
    while isinstance(error, MaxRetryError) and error.reason is not None:
        error = error.reason
    return _line(error)


def _line(error: BaseException) -> str:
    text = str(error).strip().split("\n", 1)[0]
    # The library puts a connection's representation in front: `HTTPConnection(host=…): what happened`.
    return text.rpartition("): ")[2] or type(error).__name__

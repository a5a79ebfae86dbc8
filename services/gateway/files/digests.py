"""`Content-Digest` (RFC 9530): the SHA-256 that a client says its body has."""

import binascii
import re

from nightshift.gateway.problems import Problem

_MEMBER = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)\s*=\s*:([A-Za-z0-9+/]*={0,2}):\s*(?:;[^,]*)?")
_SHA256_BYTES = 32


def announced_digest(header: str | None) -> bytes | None:
    """Return the SHA-256 of a `Content-Digest` header, None where there is no header.

    Raises:
        Problem: `bad-request`; it cannot be read, or names only algorithms that are not checked here.
    """
    if header is None:
        return None
    for member in header.split(","):
        match = _MEMBER.fullmatch(member)
        if match is None:
            raise Problem("bad-request", "Content-Digest is not as in RFC 9530: expected sha-256=:<base64>:")
        if match[1] == "sha-256":
            return _decoded(match[2])
    raise Problem("bad-request", "Content-Digest names no sha-256, and nothing else is checked here.")


def _decoded(text: str) -> bytes:
    try:
        digest = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        digest = b""
    if len(digest) != _SHA256_BYTES:
        raise Problem("bad-request", "Content-Digest: a sha-256 has 32 bytes, in base64.")
    return digest

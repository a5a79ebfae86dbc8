"""HMAC over parts of a request, with several secrets, compared in constant time."""

import base64
import hmac
from collections.abc import Iterable, Sequence
from typing import Literal

from nightshift.webhooks.verdict import RefusedError

Encoding = Literal["hex", "base64"]
Algorithm = Literal["sha1", "sha256", "sha512"]
MAX_SIGNATURES = 16
MAX_SIGNATURE_BYTES = 512


class HmacKeys:
    """The secrets of a source as keys of one HMAC; a signature is compared as it is written, without decoding it."""

    def __init__(self, keys: Sequence[bytes], algorithm: Algorithm = "sha256", encoding: Encoding = "hex") -> None:
        self._started = [hmac.new(key, digestmod=algorithm) for key in keys]
        self._encoding = encoding

    def signatures(self, parts: Iterable[bytes]) -> list[bytes]:
        """Return what each secret signs the joined parts with."""
        pieces = tuple(parts)
        signatures = []
        for started in self._started:
            mac = started.copy()
            for piece in pieces:
                mac.update(piece)
            signatures.append(mac.hexdigest().encode() if self._encoding == "hex" else base64.b64encode(mac.digest()))
        return signatures

    def match(self, parts: Iterable[bytes], candidates: Sequence[bytes]) -> int:
        """Return the number of the secret that made one of the signatures. Every pair is compared, whatever is found.

        Raises:
            RefusedError: none did, or there are more than 16 signatures, or one has more than 512 bytes.
        """
        return first_match(self.signatures(parts), limited(candidates))


def limited(candidates: Sequence[bytes]) -> Sequence[bytes]:
    """Return the signatures.

    Raises:
        RefusedError: there is none, there are more than 16, or one has more than 512 bytes.
    """
    if not candidates or len(candidates) > MAX_SIGNATURES or max(map(len, candidates)) > MAX_SIGNATURE_BYTES:
        raise RefusedError("malformed")
    return candidates


def first_match(expected: Sequence[bytes], candidates: Sequence[bytes]) -> int:
    """Return the number, from 1, of the first expected value among the candidates; the time says nothing of it.

    Raises:
        RefusedError: none of them is there.
    """
    matches = [
        any([hmac.compare_digest(value, candidate) for candidate in candidates])  # noqa: C419 - no early exit
        for value in expected
    ]
    if True not in matches:
        raise RefusedError("bad-signature")
    return matches.index(True) + 1

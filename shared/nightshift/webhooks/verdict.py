"""What verifying a webhook says: a value, never an exception."""

from typing import Literal

import msgspec

Reason = Literal["no-header", "malformed", "bad-signature", "timestamp-old", "timestamp-future"]
"""Why a request is refused. For logs and metrics: whoever sent it is told nothing of it."""


class Verified(msgspec.Struct, frozen=True):
    """The request was signed by one of the source's secrets, within its tolerance."""

    secret: int
    """Which one, counted from 1: a secret that is matched no more may be removed."""
    signed_at: int | None = None
    """When the provider signed it, in Unix seconds; None where the scheme does not sign a time."""


class Refused(msgspec.Struct, frozen=True):
    """The request proves nothing."""

    reason: Reason
    clock_difference_seconds: int | None = None
    """How far the signed time is from our clock: negative for the past."""


Verdict = Verified | Refused


class RefusedError(Exception):
    """Ends a verification from within; `Scheme.verify` returns its verdict."""

    def __init__(self, reason: Reason, clock_difference_seconds: int | None = None) -> None:
        super().__init__(reason)
        self.verdict = Refused(reason, clock_difference_seconds)

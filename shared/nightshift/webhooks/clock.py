"""The signed time of a request: seconds in digits, not too far from our clock in either direction."""

import re

from nightshift.webhooks.verdict import RefusedError

_SECONDS = re.compile(rb"[0-9]{1,12}")


def parse_seconds(text: bytes) -> int:
    """Read Unix seconds; what else `int()` accepts (spaces, signs, underscores) is no timestamp.

    Raises:
        RefusedError: it is not 1 to 12 digits.
    """
    if _SECONDS.fullmatch(text) is None:
        raise RefusedError("malformed")
    return int(text)


def check_age(signed_at: int, now: float, tolerance_seconds: float) -> None:
    """Refuse what was signed too long ago, or in the future.

    Raises:
        RefusedError: with the difference between the signed time and ours.
    """
    difference = signed_at - now
    if difference < -tolerance_seconds:
        raise RefusedError("timestamp-old", round(difference))
    if difference > tolerance_seconds:
        raise RefusedError("timestamp-future", round(difference))

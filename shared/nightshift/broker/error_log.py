"""The log of connection errors, rate-limited: the client tries again twice a second."""

import math
import time

from nightshift.config.tls import explain_tls_error
from nightshift.observability.log import get_logger

_REPORT_AGAIN_SECONDS = 30.0
"""An error that goes on is logged again after this time."""
_UNAUTHORIZED = "authorization violation"
_CREDENTIALS = (
    "check NATS_USER and NATS_PASSWORD (or NATS_CREDS_FILE); trying again, since the broker may learn of them later"
)
_log = get_logger("broker")


def describe_error(error: Exception) -> str:
    """Describe a connection error; for a certificate, say why it is refused and what to do."""
    refused = explain_tls_error(error, ca="NATS_CA_FILE", address="NATS_URL")
    return refused or str(error) or type(error).__name__


class ErrorLog:
    """Remembers what was logged lately."""

    def __init__(self) -> None:
        self._reported: dict[str, float] = {}

    def report(self, error: Exception) -> None:
        """Log an error, again only after a while when it goes on; several servers may each have their own."""
        text, now = describe_error(error), time.monotonic()
        if now - self._reported.get(text, -math.inf) < _REPORT_AGAIN_SECONDS:
            return
        self._reported = {text: at for text, at in self._reported.items() if now - at < _REPORT_AGAIN_SECONDS}
        self._reported[text] = now
        if _UNAUTHORIZED in text.lower():
            _log.error("broker_refuses_user", f"{text}: {_CREDENTIALS}")
        else:
            _log.warning("broker_error", f"The connection to the broker reports: {text}")

"""Errors that the broker answers with instead of storing a message."""

from nightshift.outcomes import Unavailable

_FULL_CODES = frozenset({10077, 10122})
"""10077: maximum messages or bytes exceeded (with discard new); 10122: the account's limit of a stream."""
_NO_SPACE_CODES = frozenset({10023, 10047, 10028})
"""The broker's own disk or memory limit is reached."""
NOT_STORED = (
    "it takes messages and does not say that they are stored: its disk may be full, or was full and it has to be "
    "restarted (docs/operations.md, section The broker's disk is full)"
)


class BrokerRefusedError(Exception):
    """The broker refused the message and stored nothing; `code` is its `err_code` (see nats-server `errors.json`)."""

    def __init__(self, subject: str, code: int, description: str) -> None:
        super().__init__(f"the broker refused {subject}: {description} (code {code}); nothing was stored")
        self.subject, self.code, self.description = subject, code, description


class QueueFullError(BrokerRefusedError):
    """The queue, or the broker's disk, is full: nothing was stored; try again when it has drained."""


class NotPermittedError(BrokerRefusedError):
    """The broker user of this process may not publish there."""


class NotStoredError(Unavailable):
    """The broker answers, but not that it has stored what was published."""

    def __init__(self, what: str) -> None:
        super().__init__("broker", f"{what}: {NOT_STORED}")


class AnswerLostError(Unavailable):
    """The connection was lost before the broker's answer came: it may have done what it was asked, or not."""

    def __init__(self, subject: str) -> None:
        super().__init__("broker", f"the connection was lost before the answer to {subject} came")


def not_understood(subject: str) -> Unavailable:
    """Return the error for an answer that is not JetStream's: the request may have been carried out, or not."""
    return Unavailable("broker", f"the answer to {subject} is not JetStream's: is a proxy in between?")


class BrokerTooOldError(Exception):
    """The broker lacks what the guarantees need."""


def refusal(subject: str, error: object) -> Exception:
    """Return the exception for the `error` object of a JetStream answer."""
    if not isinstance(error, dict):
        return not_understood(subject)
    code = error.get("err_code", 0)
    if not isinstance(code, int):
        return not_understood(subject)
    description = str(error.get("description", "no reason given"))
    if code in _FULL_CODES or code in _NO_SPACE_CODES:
        return QueueFullError(subject, code, description)
    if code == 0 or error.get("code") == 503:  # noqa: PLR2004 - the broker's "service unavailable"
        return Unavailable("broker", f"{description} (code {code})")
    return BrokerRefusedError(subject, code, description)

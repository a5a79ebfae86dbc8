"""How an attempt fails that is no outcome of the handler's own, and what a failure says."""

import msgspec

from nightshift.messaging.claim_check import InvalidClaimError
from nightshift.outcomes import Permanent, Snooze


class UnknownTypeError(Exception):
    """No handler here: in a rolling deploy another replica may have one, so it is tried again."""


class HandlerTimeoutError(Exception):
    """The handler took longer than it may."""


class StoppedError(Exception):
    """Somebody cancelled the job while a worker had it."""


class InnerCancellationError(Exception):
    """The handler awaited something that was cancelled; nobody meant the job."""


def unwrap_group(error: Exception) -> Exception:
    """What a task group of a handler wraps around a single outcome is no part of it."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def flatten(error: BaseException) -> list[BaseException]:
    """Return the errors that groups wrap, in order; an error that is no group is its own list."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in flatten(inner)]
    return [error]


def describe(error: BaseException) -> str:
    """What goes into the log and the dead letter: our own say it all, others are named."""
    text = str(error).strip()
    kind = type(error).__name__
    if isinstance(
        error,
        (
            Permanent,
            Snooze,
            UnknownTypeError,
            HandlerTimeoutError,
            StoppedError,
            InnerCancellationError,
            InvalidClaimError,
            msgspec.ValidationError,
        ),
    ):
        return text or kind
    return f"{kind}: {text}" if text else kind

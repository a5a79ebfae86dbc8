"""Keeps an account's secrets out of every error that leaves its sync."""

from collections.abc import Iterator
from contextlib import contextmanager

from nightshift.config.redaction import Redactor
from nightshift.outcomes import Permanent, Skip, Snooze, Unavailable
from services.sync.connector import Account, RateLimitedError, SourceRefusedError, SyncFailedError

_OURS = (Permanent, SourceRefusedError, SyncFailedError)


@contextmanager
def hidden(account: Account) -> Iterator[None]:
    """Takes the credentials and the address, which may be a secret too, out of the text of whatever is raised inside.

    Each account has its own: making all of them known to the process for good would fill its memory, and slow down
    every line of its log.
    """
    redactor = Redactor()
    credentials = account.credentials.reveal() if account.credentials else ""
    for secret in (account.base_url or "", credentials, *credentials.split(":")):
        redactor.protect(secret)
    try:
        yield
    except (Unavailable, Skip):
        raise
    except (Snooze, RateLimitedError) as wait:
        raise type(wait)(wait.delay, redactor.clean(str(wait))) from None  # type: ignore[arg-type] # each has its own kind of delay
    except _OURS as ours:
        raise type(ours)(redactor.clean(str(ours))) from None
    except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold the secret
        raise SyncFailedError(redactor.clean(f"{type(error).__name__}: {error}")) from None

"""Remove an account's secrets from every error that leaves its sync."""

from collections.abc import Iterator
from contextlib import contextmanager

from nightshift import Permanent, Skip, Snooze, Unavailable
from nightshift.config.redaction import Redactor
from services.sync.connector import Account, RateLimitedError, SourceRefusedError, SyncFailedError

_OURS = (Permanent, SourceRefusedError, SyncFailedError)


@contextmanager
def secrets_hidden(account: Account) -> Iterator[None]:
    """Remove credentials and address, which may be a secret too, from the text of any exception raised inside.

    Per account: registering all accounts' secrets with the process would fill its memory and slow down its log.
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
        raise type(wait)(wait.delay, redactor.clean(str(wait))) from None  # type: ignore[arg-type] # the two types of delay differ
    except _OURS as ours:
        raise type(ours)(redactor.clean(str(ours))) from None
    except Exception as error:  # noqa: BLE001 - any text may contain the secret
        raise SyncFailedError(redactor.clean(f"{type(error).__name__}: {error}")) from None

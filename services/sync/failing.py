"""What becomes of a job whose account has failed: tried again soon, later, or not any more."""

from datetime import datetime, timedelta

from nightshift import Permanent, Snooze
from nightshift.database import Database
from nightshift.observability.log import get_logger
from services.sync.accounts import record_failure
from services.sync.connector import Account, SourceRefusedError
from services.sync.failures import REVOKED
from services.sync.metrics import SyncMetrics

_CHANGED = timedelta(seconds=1)
"""How long until an account with a new address or new credentials is tried with them."""
_log = get_logger("sync")


async def outcome_of_failure(
    error: Exception, account: Account, *, database: Database, metrics: SyncMetrics, now: datetime
) -> Exception:
    """Count a failure on the account's row; return the outcome that the job ends with.

    The first failure is the job's own: its attempts may mend it, and its dead letter is a notice. From the second on,
    which comes after a pause, the job waits with its account and costs no attempt. A refusal waits at once, as trying
    again soon helps it least. The last one is a dead letter, which says that the account is not tried any more.

    Raises:
        Skip: the account was unlinked or switched off in the meantime.
    """
    refused = isinstance(error, SourceRefusedError)
    counts = await record_failure(database, account, str(error), now, refused=refused)
    if counts is None:
        return Snooze(_CHANGED, f"the account was changed in the meantime; before, {error}")
    before, after = counts
    ending = after.ending(now)
    if ending is not None:
        counter = metrics.revoked if ending is REVOKED else metrics.switched_off
        counter[account.service] += 1
        _log.warning("account_ended", f"account {account.id} of {account.service}: {ending.reason}: {error}")
        return Permanent(f"{ending.reason}: {error}")
    if after.is_lasting and not before.is_lasting:
        since = f"failing since {after.first_failed_at:%Y-%m-%d %H:%M} UTC, and tried less and less often"
        _log.warning("account_failing", f"account {account.id} of {account.service} is {since}: {error}")
    return Snooze(after.pause(now), str(error)) if after.is_lasting or refused else error

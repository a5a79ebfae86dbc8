"""The port to an external service: what a connector is asked, what it answers, how it may fail."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from nightshift.config.secret import Secret


@dataclass(frozen=True, slots=True)
class Account:
    """A user's account at an external service, as its row says."""

    id: str
    user_id: str
    service: str
    external_account: str = ""
    base_url: str | None = None
    credentials: Secret | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One thing at the external service; `external_id` is the service's own, and stays the same when it is renamed."""

    external_id: str
    kind: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Validators:
    """What a conditional request repeats to the server (RFC 9110 §13), as it came."""

    etag: str | None = None
    last_modified: str | None = None

    def __bool__(self) -> bool:
        return self.etag is not None or self.last_modified is not None


@dataclass(frozen=True, slots=True)
class SourcePage:
    """One page of what there is."""

    records: Sequence[Record] = ()
    following: str | None = None
    """Where the next page is; None behind the last."""
    validators: Validators = field(default_factory=Validators)
    """For asking conditionally next time; empty where the answer would not be safe to rely on."""
    unchanged: bool = False
    """The server said 304: the records, and unless `following` says so the next page, are those of last time."""
    whole: bool = True
    """What is on no page does not exist any more. False for a window onto the newest."""
    pause: timedelta | None = None
    """The service takes no more requests for so long."""


class SyncFailedError(Exception):
    """The service did not answer, or not as it should: a failed attempt."""


class SourceRefusedError(Exception):
    """The service no longer knows the account, or refuses its credentials: only its owner can change that."""


class RateLimitedError(Exception):
    """The service wants no requests now; `delay` is what it says, None where it does not."""

    def __init__(self, delay: timedelta | None, reason: str) -> None:
        super().__init__(reason)
        self.delay = delay


class Connector(Protocol):
    """Reads one external service. Only declared connectors exist; a message can name one, and nothing else."""

    name: str

    def start(self, account: Account) -> str:
        """The address of the first page.

        Raises:
            Permanent: the account's row says too little, or what must not be followed.
        """

    async def fetch(self, account: Account, cursor: str | None, validators: Validators | None) -> SourcePage:
        """Reads a page: the first, or the one that `following` named; with `validators` only if it has changed.

        Raises:
            RateLimitedError: not now.
            SourceRefusedError: not with these credentials, or no such account.
            SyncFailedError: no answer, or one that cannot be understood.
            Permanent: the address must not be asked.
        """


Connectors = dict[str, Connector]

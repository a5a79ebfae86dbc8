"""The port to an external service: the connector's interface, its pages, its errors."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, Self

from nightshift.config.settings import Secret

_SENDABLE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,510}[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class Account:
    """A user's account at an external service, as stored in its row."""

    id: str
    user_id: str
    service: str
    external_account: str = ""
    base_url: str | None = None
    credentials: Secret | None = None
    stored_credentials: str | None = None
    """As the row has them, to see whether they were replaced in the meantime."""


@dataclass(frozen=True, slots=True)
class Record:
    """One item at the external service; `external_id` is the service's own id, which survives a rename."""

    external_id: str
    kind: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Validators:
    """Validators of a page for a conditional request (RFC 9110 §13), exactly as received."""

    etag: str | None = None
    last_modified: str | None = None

    def __bool__(self) -> bool:
        return self.etag is not None or self.last_modified is not None

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> Self:
        """Read the validators of a response; ignore those that could not be sent back in a header."""
        return cls(_sendable(headers.get("etag")), _sendable(headers.get("last-modified")))

    def conditions(self) -> dict[str, str]:
        """Return the headers that ask for a page only if it has changed."""
        conditions = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in conditions.items() if value is not None}


def _sendable(value: str | None) -> str | None:
    return value if value is not None and _SENDABLE.fullmatch(value) else None


@dataclass(frozen=True, slots=True)
class SourcePage:
    """One page of a listing."""

    records: Sequence[Record] = ()
    following: str | None = None
    """Address of the next page; None after the last."""
    validators: Validators = field(default_factory=Validators)
    """For a conditional request next time; empty if a 304 would not be reliable."""
    unchanged: bool = False
    """The server answered 304: the records are those of last time, and so is the next page if not in `following`."""
    whole: bool = True
    """Whether the listing is complete, so that an item on no page no longer exists. False for a list of the newest."""
    pause: timedelta | None = None
    """How long the service accepts no more requests."""


class SyncFailedError(Exception):
    """The service did not answer, or not correctly: a failed attempt."""


class NoAnswerInTimeError(SyncFailedError):
    """The service took longer than a request may take."""


class TooLargeError(SyncFailedError):
    """The response is larger than a response may be."""


class LargePageError(SyncFailedError):
    """The service could not answer, perhaps because the page is too large for it."""

    def __init__(self, reason: str, *, smaller: str = "", is_likely: bool = False) -> None:
        """`smaller` is the address of a smaller page; `is_likely`: it need not fail again to be too large."""
        super().__init__(reason)
        self.smaller, self.is_likely = smaller, is_likely


class SourceRefusedError(Exception):
    """The service refuses the account's credentials, or does not know the account. It may think better of it."""


class RateLimitedError(Exception):
    """The service accepts no requests now; `delay` is the time it names, if any."""

    def __init__(self, delay: timedelta | None, reason: str) -> None:
        super().__init__(reason)
        self.delay = delay


class Connector(Protocol):
    """Reads one external service. A message can only name a connector; the account's row has the rest."""

    name: str

    def start(self, account: Account) -> str:
        """Return the address of the first page.

        Raises:
            Permanent: the account's row is incomplete, or has an address that must not be requested.
        """

    async def fetch(self, account: Account, cursor: str | None, validators: Validators | None) -> SourcePage:
        """Read a page: the first, or the one at `cursor`; with `validators` only if it has changed.

        Raises:
            RateLimitedError: the service accepts no requests now.
            SourceRefusedError: it refuses the credentials, or does not know the account.
            LargePageError: it may answer if asked for a smaller page.
            SyncFailedError: no answer, or one that cannot be understood.
            Permanent: the address must not be requested.
        """


Connectors = dict[str, Connector]

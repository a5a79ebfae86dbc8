"""Read a feed, RSS or Atom, at the address in the account's row."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import Message

from nightshift import Permanent
from nightshift.config.settings import Secret
from nightshift.instants import utc_now
from nightshift.retry_after import retry_after
from services.sync.connector import (
    Account,
    RateLimitedError,
    SourcePage,
    SourceRefusedError,
    SyncFailedError,
    Validators,
)
from services.sync.feeds.decoding import decode
from services.sync.feeds.document import read_feed
from services.sync.feeds.records import records_of
from services.sync.http.http_client import Answer, Web, parse_url

_ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"
_LARGE = 64 * 1024
"""Bytes. A larger document is parsed in a thread, so that it does not block other jobs."""
_DEFAULT_DELAY = timedelta(minutes=15)
_OK, _NOT_MODIFIED, _UNAUTHORIZED, _GONE, _TOO_MANY, _AWAY = 200, 304, 401, 410, 429, 503


class FeedConnector:
    """Reads the newest entries as one page; older entries still exist, unless the feed says that it is complete.

    Credentials with a colon are sent as `name:password` (Basic), others as a token (Bearer).
    """

    name = "feed"

    def __init__(self, web: Web, *, allow_plain: bool = False, now: Callable[[], datetime] = utc_now) -> None:
        self._web, self._allow_plain, self._now = web, allow_plain, now

    def start(self, account: Account) -> str:
        """See `Connector.start`."""
        if not account.base_url:
            raise Permanent("the account has no feed address: link it again")
        if parse_url(account.base_url).scheme == "http" and account.credentials is not None and not self._allow_plain:
            raise Permanent("the account's address is not https: its credentials would be sent unencrypted")
        return account.base_url

    async def fetch(self, account: Account, cursor: str | None, validators: Validators | None) -> SourcePage:
        """See `Connector.fetch`."""
        del cursor
        authorization = _authorization(account.credentials)
        headers = {"Accept": _ACCEPT, **(validators or Validators()).conditions()}
        answer = await self._web.get(self.start(account), headers, authorization=authorization, may_cut=True)
        if answer.status == _NOT_MODIFIED and validators:
            return SourcePage(unchanged=True)
        if answer.status != _OK:
            raise _refusal(answer, self._now())
        if len(answer.body) > _LARGE:
            return await asyncio.to_thread(_page, answer)
        return _page(answer)


def _page(answer: Answer) -> SourcePage:
    document = read_feed(decode(answer.body, _charset(answer)), answer.url)
    whole = document.complete and not answer.is_cut and not answer.is_torn
    # What came damaged is asked for again, and not answered by "unchanged".
    validators = Validators() if answer.is_torn else Validators.from_headers(answer.headers)
    return SourcePage(records_of(document), validators=validators, whole=whole)


def _refusal(answer: Answer, now: datetime) -> Exception:
    words = f"the feed's server answered {answer.status}"
    wait = retry_after(answer.headers, now)
    if answer.status == _TOO_MANY or (answer.status == _AWAY and wait is not None):
        return RateLimitedError(wait or _DEFAULT_DELAY, words)
    if answer.status in {_UNAUTHORIZED, _GONE}:
        return SourceRefusedError(words)
    return SyncFailedError(words)


def _authorization(credentials: Secret | None) -> str | None:
    if credentials is None:
        return None
    value = credentials.reveal()
    return f"Basic {b64encode(value.encode()).decode()}" if ":" in value else f"Bearer {value}"


def _charset(answer: Answer) -> str | None:
    header = Message()
    header["content-type"] = answer.headers.get("content-type", "")
    charset = header.get_param("charset")
    return charset if isinstance(charset, str) and charset.isascii() and charset else None

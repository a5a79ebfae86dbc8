"""Progress of a round through an account, stored as the row's checkpoint. Pure functions."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

import msgspec

from services.sync.connector import SourcePage, Validators

MAX_ROUND_AGE = timedelta(days=1)
"""An older round is started again: what it saw first may be gone by now."""
MAX_KNOWN_PAGES = 50
"""Pages that are requested conditionally; the ids of their records are stored, so that a 304 marks them as seen."""
MAX_KNOWN_CHARACTERS = 64 * 1024
"""Limit on the ids of one page together."""


class KnownPage(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A page as it was last time."""

    ids: tuple[str, ...]
    etag: str | None = None
    last_modified: str | None = None
    following: str | None = None
    whole: bool = True
    round: int = 0

    @property
    def validators(self) -> Validators:
        """Return the validators for a conditional request."""
        return Validators(self.etag, self.last_modified)


class Holder(msgspec.Struct, frozen=True):
    """The run that has the account; each run has its own `token`, so that one whose lease expired writes nothing."""

    job: str
    token: str
    until: datetime


class Checkpoint(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Where a sync continues.

    A round reads all pages. If some records were on none of them, it reads all pages again, and then marks as removed
    what both readings have missed: where an item is deleted meanwhile, another moves to a page that was read before.
    """

    source: str = ""
    """Identifies the listing; a checkpoint of another listing is void."""
    began: datetime | None = None
    """When the current round began; None between rounds."""
    cursor: str | None = None
    listed: bool = False
    pages: int = 0
    records: int = 0
    whole: bool = True
    not_before: datetime | None = None
    limits: int = 0
    """Consecutive rate limits."""
    empty_rounds: int = 0
    second_look: bool = False
    """Whether the pages are read a second time, because the first reading has missed records."""
    faults: int = 0
    """Failed requests for the page at the cursor."""
    holder: Holder | None = None
    known: dict[str, KnownPage] = {}

    def known_page(self) -> KnownPage | None:
        """Return the page at the cursor as it was last time."""
        return self.known.get(self.cursor or "")


def decode(document: Any) -> Checkpoint:
    """Read a stored checkpoint; an unreadable one counts as none."""
    try:
        return msgspec.convert(document or {}, Checkpoint)
    except msgspec.ValidationError:
        return Checkpoint()


def encode(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the checkpoint as JSON data."""
    document: dict[str, Any] = msgspec.to_builtins(checkpoint)
    return document


def source_of(service: str, start: str) -> str:
    """Identify a listing by the hash of its first address, which may be a secret."""
    return hashlib.sha256(f"{service} {start}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def start_round(checkpoint: Checkpoint, source: str, now: datetime) -> tuple[Checkpoint, bool]:
    """Continue the current round or start a new one; the second value tells whether it is new."""
    if checkpoint.source != source:
        return Checkpoint(source=source, began=now), True
    if checkpoint.began is not None and now - checkpoint.began < MAX_ROUND_AGE:
        return checkpoint, False
    fresh = Checkpoint(source=source, began=now, limits=checkpoint.limits, empty_rounds=checkpoint.empty_rounds)
    return msgspec.structs.replace(fresh, known=checkpoint.known), True


def advance(checkpoint: Checkpoint, page: SourcePage, round_number: int) -> Checkpoint:
    """Move the cursor past a page that is stored, and remember the page for next time."""
    before = checkpoint.known_page()
    memory = _known_page(page, before, round_number)
    known = dict(checkpoint.known)
    known.pop(checkpoint.cursor or "", None)
    seen_now = sum(1 for one in known.values() if one.round == round_number)
    if memory is not None and seen_now < MAX_KNOWN_PAGES:
        known[checkpoint.cursor or ""] = memory
    following = _following(page, before)
    whole = before.whole if page.unchanged and before else page.whole
    count = len(before.ids) if page.unchanged and before else len(page.records)
    return msgspec.structs.replace(
        checkpoint,
        cursor=following,
        listed=following is None,
        pages=checkpoint.pages + 1,
        records=checkpoint.records + count,
        whole=checkpoint.whole and whole,
        limits=0,
        faults=0,
        not_before=None,
        known=known,
    )


def look_again(checkpoint: Checkpoint) -> Checkpoint:
    """Begin the round's second look, at the first page."""
    return msgspec.structs.replace(checkpoint, cursor=None, listed=False, pages=0, records=0, second_look=True)


def forget_page(checkpoint: Checkpoint) -> Checkpoint:
    """Forget the page at the cursor, so that it is requested unconditionally."""
    known = {cursor: page for cursor, page in checkpoint.known.items() if cursor != (checkpoint.cursor or "")}
    return msgspec.structs.replace(checkpoint, known=known)


def complete_round(checkpoint: Checkpoint, round_number: int, *, empty: bool) -> Checkpoint:
    """End the round; keep only what makes the next one cheap."""
    known = {cursor: page for cursor, page in checkpoint.known.items() if page.round == round_number}
    return Checkpoint(source=checkpoint.source, empty_rounds=checkpoint.empty_rounds + 1 if empty else 0, known=known)


def _following(page: SourcePage, before: KnownPage | None) -> str | None:
    if page.unchanged and page.following is None and before is not None:
        return before.following
    return page.following


def _known_page(page: SourcePage, before: KnownPage | None, round_number: int) -> KnownPage | None:
    if page.unchanged and before is not None:
        return msgspec.structs.replace(before, following=_following(page, before), round=round_number)
    ids = tuple(dict.fromkeys(record.external_id for record in page.records))
    if not page.validators or sum(map(len, ids)) > MAX_KNOWN_CHARACTERS:
        return None
    return KnownPage(ids, page.validators.etag, page.validators.last_modified, page.following, page.whole, round_number)

"""How far a round through an account has come: pure bookkeeping, kept as the row's checkpoint."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

import msgspec

from services.sync.connector import SourcePage, Validators

ROUND_AGE = timedelta(days=1)
"""A round that has been under way for longer begins anew: what it saw first may be gone."""
REMEMBERED_PAGES = 50
"""Pages that are asked conditionally: of each the ids are kept, so that an unchanged one counts as seen."""
REMEMBERED_CHARACTERS = 64 * 1024
"""Ids of one page together."""


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
        """What asks whether it has changed."""
        return Validators(self.etag, self.last_modified)


class Holder(msgspec.Struct, frozen=True):
    """Who works at the account; `token` is one run's own, so that a run that was given up for dead writes nothing."""

    job: str
    token: str
    until: datetime


class Progress(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Where a sync goes on. A round reads all pages, then marks as removed what none of them had."""

    source: str = ""
    """Which listing it is about: for another, nothing of this is valid."""
    began: datetime | None = None
    """When the round in progress began; None between rounds."""
    cursor: str | None = None
    listed: bool = False
    pages: int = 0
    records: int = 0
    whole: bool = True
    not_before: datetime | None = None
    limits: int = 0
    """How often in a row the service refused for its rate."""
    empty_rounds: int = 0
    holder: Holder | None = None
    known: dict[str, KnownPage] = {}

    def page_known(self) -> KnownPage | None:
        """The page at the cursor as it was last time."""
        return self.known.get(self.cursor or "")


def decode(document: Any) -> Progress:
    """Reads a checkpoint; one that cannot be read, whoever wrote it, is as good as none."""
    try:
        return msgspec.convert(document or {}, Progress)
    except msgspec.ValidationError:
        return Progress()


def encode(progress: Progress) -> dict[str, Any]:
    """The checkpoint as the row keeps it."""
    document: dict[str, Any] = msgspec.to_builtins(progress)
    return document


def source_of(service: str, start: str) -> str:
    """Names a listing by its first address, which may hold a secret and so is not kept itself."""
    return hashlib.sha256(f"{service} {start}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def opened(progress: Progress, source: str, now: datetime) -> tuple[Progress, bool]:
    """Goes on with the round in progress, or begins one, which the second value says."""
    if progress.source != source:
        return Progress(source=source, began=now), True
    if progress.began is not None and now - progress.began < ROUND_AGE:
        return progress, False
    fresh = Progress(source=source, began=now, limits=progress.limits, empty_rounds=progress.empty_rounds)
    return msgspec.structs.replace(fresh, known=progress.known), True


def advanced(progress: Progress, page: SourcePage, round_number: int) -> Progress:
    """Notes that a page is stored, and remembers it for next time."""
    before = progress.page_known()
    memory = _memory(page, before, round_number)
    known = dict(progress.known)
    known.pop(progress.cursor or "", None)
    seen_now = sum(1 for one in known.values() if one.round == round_number)
    if memory is not None and seen_now < REMEMBERED_PAGES:
        known[progress.cursor or ""] = memory
    following = next_of(page, before)
    whole = before.whole if page.unchanged and before else page.whole
    count = len(before.ids) if page.unchanged and before else len(page.records)
    return msgspec.structs.replace(
        progress,
        cursor=following,
        listed=following is None,
        pages=progress.pages + 1,
        records=progress.records + count,
        whole=progress.whole and whole,
        limits=0,
        not_before=None,
        known=known,
    )


def next_of(page: SourcePage, before: KnownPage | None) -> str | None:
    """Where the page behind this one is."""
    if page.unchanged and page.following is None and before is not None:
        return before.following
    return page.following


def forgotten(progress: Progress) -> Progress:
    """Drops what is known of the page at the cursor: it is asked for unconditionally then."""
    known = {cursor: page for cursor, page in progress.known.items() if cursor != (progress.cursor or "")}
    return msgspec.structs.replace(progress, known=known)


def closed(progress: Progress, round_number: int, *, empty: bool) -> Progress:
    """Ends the round: what remains is what makes the next one cheap."""
    known = {cursor: page for cursor, page in progress.known.items() if page.round == round_number}
    return Progress(source=progress.source, empty_rounds=progress.empty_rounds + 1 if empty else 0, known=known)


def _memory(page: SourcePage, before: KnownPage | None, round_number: int) -> KnownPage | None:
    if page.unchanged and before is not None:
        return msgspec.structs.replace(before, following=next_of(page, before), round=round_number)
    ids = tuple(dict.fromkeys(record.external_id for record in page.records))
    if not page.validators or sum(map(len, ids)) > REMEMBERED_CHARACTERS:
        return None
    return KnownPage(ids, page.validators.etag, page.validators.last_modified, page.following, page.whole, round_number)

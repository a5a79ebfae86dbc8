"""Objects are walked through in pages, one prefix after the other, and removed side by side."""

from datetime import date

import pytest

from nightshift.housekeeping.expired_claims import is_expired
from nightshift.housekeeping.object_deletion import delete_objects
from nightshift.housekeeping.object_pages import object_pages
from nightshift.objects import ObjectStoreRefusedError
from nightshift.outcomes import Unavailable
from nightshift.testing import FakeObjectStore

KEYS = ["a/1", "a/2", "a/3", "b/1", "b/2", "c/1"]


@pytest.fixture
async def objects() -> FakeObjectStore:
    """A few objects under three prefixes."""
    store = FakeObjectStore()
    for key in KEYS:
        await store.put(key, b"x", "text/plain")
    return store


@pytest.mark.parametrize(
    ("size", "after", "pages"),
    [
        (2, None, [["a/1", "a/2"], ["a/3"], ["b/1", "b/2"]]),
        (9, None, [["a/1", "a/2", "a/3"], ["b/1", "b/2"]]),
        (9, "a/2", [["a/3"], ["b/1", "b/2"]]),
        (9, "a/9", [["b/1", "b/2"]]),
        (9, "b/1", [["b/2"]]),
        (9, "b/2", []),
    ],
)
async def test_pages_go_on_behind_a_key(
    objects: FakeObjectStore, size: int, after: str | None, pages: list[list[str]]
) -> None:
    """Of the prefixes asked for, in their order; a page is never empty and knows the key that ends it."""
    found = [page async for page in object_pages(objects, ("a/", "b/"), size=size, after=after)]
    assert [[entry.key for entry in page.rows] for page in found] == pages
    assert [page.last for page in found] == [(page[-1],) for page in pages]


async def test_removing_tells_what_was_refused(objects: FakeObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """One object that is locked does not keep the others."""
    original = objects.delete

    async def delete(key: str) -> None:
        if key == "a/2":
            raise ObjectStoreRefusedError("locked")
        await original(key)

    monkeypatch.setattr(objects, "delete", delete)
    assert await delete_objects(objects, ["a/1", "a/2", "a/3", "never/there"]) == {"a/2"}
    assert set(objects.contents) == {"a/2", "b/1", "b/2", "c/1"}


async def test_an_outage_while_removing_is_one(objects: FakeObjectStore) -> None:
    """It reaches the worker as it is, which lets the job wait."""
    objects.unavailable = "unplugged"
    with pytest.raises(Unavailable, match="unplugged"):
        await delete_objects(objects, ["a/1", "a/2"])


@pytest.mark.parametrize(
    ("key", "expired"),
    [
        ("claims/2026-03-01/aa", True),
        ("claims/2026-03-02/aa", False),
        ("claims/9999-12-31/aa", False),
        ("claims/2026-02-30/aa", False),
        ("claims/2026-3-1/aa", False),
        ("claims/20260301/aa", False),
        ("claims/2026-03-01/aa/bb", False),
        ("claims/2026-03-01", False),
        ("claims/aa", False),
        ("xclaims/2026-03-01/aa", False),
        ("uploads/claims/2026-03-01/aa", False),
    ],
)
def test_only_a_dated_claim_expires(key: str, expired: bool) -> None:  # noqa: FBT001 - a table of the rule
    """The date is in the key; what has none is not ours to delete."""
    assert is_expired(key, date(2026, 3, 2)) is expired

"""Claim checks go when the date in their key has passed, and nothing else does."""

import pytest

from contracts.maintenance import CleanClaims
from nightshift.messaging import claim_check
from nightshift.objects import ObjectStoreRefusedError
from tests.integration.services.maintenance.harness import DAY, NOW, CleanupHarness


def _claim(days: int, name: str = "a") -> str:
    return f"claims/{(NOW + days * DAY).date()}/{name * 64}"


async def test_claims_of_dates_that_have_passed_go(harness: CleanupHarness) -> None:
    """Yesterday's go; today's and tomorrow's stay, however long they are there."""
    await harness.put(_claim(-300), _claim(-1), _claim(-1, "b"), _claim(0), _claim(1))
    await harness.clean(CleanClaims())
    assert await harness.keys() == [_claim(0), _claim(1)]
    run = await harness.last_run()
    assert (run.kind, run.deleted, run.kept["claims"], run.done) == ("claims", {"claims": 3}, 2, True)


async def test_a_body_that_was_just_stored_stays(harness: CleanupHarness) -> None:
    """What the publisher stores is kept for 45 days after the job runs."""
    key = await claim_check.put(harness.objects, b'{"a":1}', NOW)
    for days in (0, 44, 45):
        await harness.clean(CleanClaims(), now=NOW + days * DAY)
        assert await harness.exists(key)
    await harness.clean(CleanClaims(), now=NOW + 46 * DAY)
    assert not await harness.exists(key)


async def test_a_job_may_keep_them_longer(harness: CleanupHarness) -> None:
    """So many days more after the date; never fewer."""
    await harness.put(_claim(-4), _claim(-3))
    await harness.clean(CleanClaims(older_than_days=3))
    assert await harness.keys() == [_claim(-3)]


async def test_what_is_no_claim_stays(harness: CleanupHarness) -> None:
    """Objects elsewhere, and others under claims/ that say no date."""
    others = [
        "claims/0000-00-00/a",
        "claims/notes.txt",
        "claims/1999/a",
        "claimsX/2001-01-01/a",
        "uploads/2001-01-01/a",
    ]
    await harness.put(*others, _claim(-1))
    await harness.clean(CleanClaims())
    assert await harness.keys() == sorted(others)


async def test_many_claims_go_in_pages_and_successors(harness: CleanupHarness) -> None:
    """A job whose time is up leaves the rest to the next one: what is deleted is gone, so it begins anew."""
    await harness.put(*[_claim(-2 - number % 3, f"{number:x}") for number in range(10)], _claim(1))
    ids = await harness.clean_all(CleanClaims(), "nightly", cleanup_seconds=1e-9, cleanup_page_rows=4)
    assert ids == ["nightly", "nightly~2", "nightly~3", "nightly~4"]
    assert await harness.keys() == [_claim(1)]
    assert [run.deleted["claims"] for run in await harness.runs()] == [4, 4, 2, 0]


async def test_a_store_that_refuses_makes_no_endless_chain(
    harness: CleanupHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that could delete nothing has no successor; the row says what was refused."""
    await harness.put(*[_claim(-1, f"{number:x}") for number in range(4)])

    async def refuse(key: str) -> None:
        raise ObjectStoreRefusedError(f"{key} is locked")

    monkeypatch.setattr(harness.objects, "delete", refuse)
    assert await harness.clean_all(CleanClaims(), "nightly", cleanup_seconds=1e-9, cleanup_page_rows=2) == ["nightly"]
    assert (await harness.last_run()).kept["objects_refused"] == 2

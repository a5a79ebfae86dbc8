"""What is gone is removed only after a second look: pages drift while they are read, and listings may be incomplete."""

from collections.abc import Callable

import pytest

from demo.sites.github_api import repository
from demo.sites.http_site import Request
from nightshift.outcomes import Snooze
from services.sync.connector import SyncFailedError
from tests.integration.services.sync.desk import TOKEN, Desk


def after(page: str, change: Callable[[], object]) -> Callable[[Request], None]:
    """Something that happens when the page behind this one is requested for the first time."""
    done: list[bool] = []

    def before(request: Request) -> None:
        if request.query("page", "1") == str(int(page) + 1) and not done:
            done.append(True)
            change()

    return before


@pytest.mark.parametrize("count", [101, 200, 250])
async def test_a_repository_that_slides_onto_a_page_that_was_read_stays(desk: Desk, count: int) -> None:
    """One of the first page is deleted after that was read: the first one of the second page moves to it."""
    message = await desk.link()
    desk.github.accounts["ada"] = [repository(number) for number in range(count)]
    await desk.run(message)
    assert len(await desk.records(message)) == count
    desk.github.before = after("1", lambda: desk.github.accounts["ada"].pop(40))
    await desk.run(message)
    assert await desk.records(message, removed=True) == {}
    await desk.run(message)
    assert list(await desk.records(message, removed=True)) == ["1296040"]


async def test_a_listing_that_is_incomplete_once_removes_nothing(desk: Desk) -> None:
    """A page without the link to the next one, or half a page, as an index makes them that is being built."""
    message = await desk.link()
    await desk.run(message)
    for body in (desk.github.accounts["ada"][:100], desk.github.accounts["ada"][:7]):
        desk.github.script.append(desk.github.page(body))
        await desk.run(message)
        assert len(await desk.records(message)) == 250


async def test_the_second_look_costs_questions_only_where_something_is_missing(desk: Desk) -> None:
    """Pages that did not change are not sent again."""
    message = await desk.link()
    await desk.run(message)
    desk.forget()
    del desk.github.accounts["ada"][249]
    await desk.run(message)
    assert desk.pages() == ["1?", "2?", "3?", "1?", "2?", "3?"]
    desk.forget()
    await desk.run(message)
    assert desk.pages() == ["1?", "2?", "3?"]


async def test_a_second_look_goes_on_where_it_was_interrupted(desk: Desk) -> None:
    """By an error, or by the end of its time: nothing is removed before it is complete."""
    message = await desk.link()
    await desk.run(message)
    del desk.github.accounts["ada"][249]
    desk.github.script.extend([None, None, None, None, desk.github.error(500, "Server Error")])
    with pytest.raises(SyncFailedError):
        await desk.run(message)
    assert await desk.records(message, removed=True) == {}
    desk.forget()
    desk.run_seconds = 0
    with pytest.raises(Snooze, match="2 pages so far"):
        await desk.run(message)
    await desk.run(message)
    assert desk.pages() == ["2?", "3?"]
    assert list(await desk.records(message, removed=True)) == ["1296249"]


async def test_a_page_that_is_too_large_for_the_service_is_halved(desk: Desk) -> None:
    """Very large accounts: it answers 30 records in time, and 100 never. Nothing is left out, nor removed."""
    message = await desk.link()
    desk.github.largest = 30
    await desk.run(message)
    sizes = [request.query("per_page", "") for request in desk.github_site.requests]
    assert sizes == ["100", "50", *["25"] * 10]
    assert len(await desk.records(message)) == 250
    del desk.github.accounts["ada"][0]
    await desk.run(message)
    assert list(await desk.records(message, removed=True)) == ["1296000"]


@pytest.mark.parametrize("size", [100, 30, 12])
async def test_halving_in_the_middle_leaves_nothing_out(desk: Desk, size: int) -> None:
    """The smaller page begins where the larger one would have begun, or before."""
    message = await desk.link()

    def shrink() -> None:
        desk.github.largest = size

    desk.github.before = after("1", shrink)
    await desk.run(message)
    assert len(await desk.records(message)) == 250


async def test_an_error_of_the_server_halves_its_page_when_it_comes_again(desk: Desk) -> None:
    """500 and 503 may have any reason: first the same page is tried again, as a failed attempt."""
    message = await desk.link()
    desk.github.largest, desk.github.too_large = 60, 500
    with pytest.raises(SyncFailedError, match="500"):
        await desk.run(message)
    await desk.run(message)
    assert [request.query("per_page", "") for request in desk.github_site.requests][:3] == ["100", "100", "50"]
    assert len(await desk.records(message)) == 250


async def test_a_page_beyond_our_own_limit_is_halved_too(desk: Desk) -> None:
    """SYNC_MAX_PAGE_BYTES is a million here."""
    desk.github.accounts["ada"] = [repository(number, description="x" * 15_000) for number in range(120)]
    desk.github.tokens[TOKEN] = "ada"
    message = await desk.link("github", credentials=TOKEN)
    await desk.run(message)
    assert len(await desk.records(message)) == 120


async def test_a_service_that_answers_no_page_fails(desk: Desk) -> None:
    """However small it is."""
    message = await desk.link()
    desk.github.largest = 1
    with pytest.raises(SyncFailedError, match="502"):
        await desk.run(message)
    assert len(desk.github_site.requests) == 4

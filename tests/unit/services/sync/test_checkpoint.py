"""The bookkeeping of rounds."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync.checkpoint import (
    MAX_KNOWN_PAGES,
    Checkpoint,
    advance,
    complete_round,
    decode,
    encode,
    forget_page,
    source_of,
    start_round,
)
from services.sync.connector import Record, SourcePage, Validators

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def page(*ids: str, following: str | None = None, etag: str | None = "tag", whole: bool = True) -> SourcePage:
    """A page of records."""
    records = [Record(one, "thing", {}) for one in ids]
    return SourcePage(records, following, Validators(etag), whole=whole)


def test_a_round_in_checkpoint_goes_on() -> None:
    """For a day, and of the same listing."""
    checkpoint, fresh = start_round(Checkpoint(), "a", NOW)
    assert fresh
    checkpoint = advance(checkpoint, page("1", following="p2"), 1)
    assert start_round(checkpoint, "a", NOW + timedelta(hours=23)) == (checkpoint, False)
    again, fresh = start_round(checkpoint, "a", NOW + timedelta(hours=24))
    assert (again.cursor, again.records, again.known, fresh) == (None, 0, checkpoint.known, True)
    other, fresh = start_round(checkpoint, "b", NOW)
    assert (other, fresh) == (Checkpoint(source="b", began=NOW), True)


def test_an_unchanged_page_leads_where_it_led() -> None:
    """A 304 without links: the next page is that of last time, unless the answer names another."""
    known = complete_round(advance(Checkpoint(), page("1", "2", following="p2"), 1), 1, empty=False)
    same = advance(known, SourcePage(unchanged=True), 2)
    assert (same.cursor, same.listed, same.records) == ("p2", False, 2)
    assert advance(known, SourcePage(unchanged=True, following="p9"), 2).cursor == "p9"


def test_one_window_makes_the_round_no_whole() -> None:
    """What is on no page may exist all the same."""
    first = advance(Checkpoint(), page("1", following="p2", whole=False), 1)
    assert not advance(first, page("2"), 1).whole


def test_pages_that_are_not_there_any_more_are_forgotten() -> None:
    """Only those of the last round are asked conditionally."""
    checkpoint = advance(advance(Checkpoint(), page("1", following="p2"), 1), page("2"), 1)
    known = complete_round(checkpoint, 1, empty=False)
    assert set(known.known) == {"", "p2"}
    shorter = complete_round(advance(known, page("1"), 2), 2, empty=False)
    assert set(shorter.known) == {""}


def test_the_checkpoint_does_not_grow_with_the_account() -> None:
    """So many pages are remembered, and no page with endless ids."""
    checkpoint = Checkpoint()
    for number in range(MAX_KNOWN_PAGES + 5):
        checkpoint = advance(checkpoint, page(str(number), following=f"p{number}"), 1)
    assert len(checkpoint.known) == MAX_KNOWN_PAGES
    assert advance(Checkpoint(), page("x" * 70_000), 1).known == {}
    assert advance(Checkpoint(), page("1", etag=None), 1).known == {}


def test_a_forgotten_page_is_the_one_at_the_cursor() -> None:
    """The others stay known."""
    checkpoint = advance(advance(Checkpoint(), page("1", following="p2"), 1), page("2", following="p3"), 1)
    at_second = forget_page(advance(complete_round(checkpoint, 1, empty=False), SourcePage(unchanged=True), 2))
    assert set(at_second.known) == {""}


def test_empty_rounds_are_counted_in_a_row() -> None:
    """One that was not empty ends the series."""
    once = complete_round(Checkpoint(), 1, empty=True)
    assert (once.empty_rounds, complete_round(once, 2, empty=True).empty_rounds) == (1, 2)
    assert complete_round(once, 2, empty=False).empty_rounds == 0
    assert start_round(once, once.source, NOW)[0].empty_rounds == 1


@given(JSON)
def test_no_checkpoint_is_too_strange(document: object) -> None:
    """It is read, or as good as none; and what is kept is read again as it was."""
    checkpoint = decode(document)
    assert decode(encode(checkpoint)) == checkpoint


@pytest.mark.parametrize("start", ["https://x.example/feed?key=secret", "\ud800"])
def test_a_listings_name_does_not_show_its_address(start: str) -> None:
    """It may be a secret."""
    assert "secret" not in source_of("feed", start)
    assert source_of("feed", start) != source_of("github", start)

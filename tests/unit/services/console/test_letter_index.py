"""The index of dead letters: found, grouped, forgotten; and quick with a hundred thousand."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from nightshift.broker.message import StoredMessage
from nightshift.cli.queries.dead_letters import Letter
from nightshift.console.letters.deaths import deaths
from nightshift.console.letters.index import PAGE, LetterIndex
from nightshift.console.letters.wanted import Wanted

BEGAN = datetime(2026, 11, 28, tzinfo=UTC)
MANY = 100_000


def letter(sequence: int, *, error: str = "", job_id: str = "", job_type: str = "email.send") -> Letter:
    """A dead letter that died `sequence` seconds after midnight."""
    return Letter(
        ref=f"email:{sequence}",
        type=job_type,
        job_id=job_id or f"job-{sequence}",
        reason="permanent",
        error=error or f"SmtpError: 550 no mailbox {sequence}",
        attempts=3,
        died=BEGAN + timedelta(seconds=sequence),
        stream="EMAIL_DLQ",
        sequence=sequence,
        message=StoredMessage("EMAIL_DLQ", "dead.email.send", sequence, 0),
    )


@pytest.fixture
def index() -> Iterator[LetterIndex]:
    """An index with nothing in it."""
    made = LetterIndex()
    yield made
    made.close()


def test_letters_of_one_fault_are_one_group(index: LetterIndex) -> None:
    """With how many there are, and when the first and the last died."""
    index.add("email", [*(letter(number) for number in range(1, 8)), letter(8, error="timed out")])
    first, second = index.groups(Wanted())
    assert (first.count, first.pattern, second.count) == (7, "SmtpError: 550 no mailbox {n}", 1)
    assert (first.first, first.last) == (BEGAN + timedelta(seconds=1), BEGAN + timedelta(seconds=7))
    assert [row.sequence for row in index.page(Wanted(group=first.name))] == [7, 6, 5, 4, 3, 2, 1]


def test_the_deaths_of_a_group_are_counted_step_by_step(index: LetterIndex) -> None:
    """Each in one step, and those that are gone in none; of another group, none."""
    index.add("email", [*(letter(number) for number in (0, 1, 10, 59, 60, 61)), letter(30, error="timed out")])
    (group, _) = index.groups(Wanted())
    hour = BEGAN, BEGAN + timedelta(seconds=120)
    assert deaths(index, group.name, *hour, 12) == [2, 1, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0]
    index.remove("email", [10])
    assert sum(deaths(index, group.name, *hour, 12)) == 5


def test_the_deaths_of_many_are_counted_quickly(index: LetterIndex) -> None:
    """A hundred thousand of one fault, in all the steps of a line."""
    for start in range(0, MANY, 500):
        index.add("email", [letter(number) for number in range(start, start + 500)])
    (group,) = index.groups(Wanted())
    took = list[float]()
    for _ in range(3):
        began = time.process_time()
        assert sum(deaths(index, group.name, BEGAN, BEGAN + timedelta(seconds=MANY), 90)) == MANY
        took.append(time.process_time() - began)
    assert min(took) < 0.1, took


def test_a_letter_that_is_read_twice_counts_once(index: LetterIndex) -> None:
    """A page that is asked for again changes nothing."""
    index.add("email", [letter(1), letter(2)])
    index.add("email", [letter(2), letter(3)])
    assert index.counts == {"email": 3}
    assert index.groups(Wanted())[0].count == 3


def test_pages_show_every_letter_once_the_newest_first(index: LetterIndex) -> None:
    """However many died in the same instant."""
    index.add("email", [letter(number) for number in range(1, 2 * PAGE + 11)])
    seen, before = list[int](), ""
    while page := index.page(Wanted(), before):
        seen += [row.sequence for row in page]
        before = page[-1].place
    assert seen == list(range(2 * PAGE + 10, 0, -1))


@pytest.mark.parametrize("text", ["100%", "_", "\\", "'; DROP TABLE letters; --", "\0", "\ud800"])
def test_text_that_means_something_to_a_database_is_only_text(index: LetterIndex, text: str) -> None:
    """It finds what contains it, and nothing else."""
    index.add("email", [letter(1, error=f"it says {text} here", job_id=text or "x"), letter(2, error="something else")])
    found = [row.sequence for row in index.page(Wanted(error=f"says {text} h"))]
    assert found in ([1], [])  # what no database takes is left out of both
    assert index.groups(Wanted())
    assert [row.sequence for row in index.page(Wanted(error="something"))] == [2]


@pytest.mark.parametrize("place", ["x", "1:2", "a:email:1", "1:email:x", "1:2:3:4"])
def test_a_place_that_is_none_is_an_error(index: LetterIndex, place: str) -> None:
    """And no letter is shown as if it were the first page."""
    with pytest.raises(ValueError, match=r".*"):
        index.page(Wanted(), place)


def test_what_is_gone_is_forgotten_with_its_group(index: LetterIndex) -> None:
    """One by one, from the beginning, and all of a service."""
    index.add("email", [letter(number) for number in range(1, 6)])
    index.add("sync", [letter(1, error="timed out")])
    index.remove("email", [3, 4, 99])
    index.remove_before("email", 2)
    assert [row.sequence for row in index.page(Wanted(service="email"))] == [5, 2]
    assert index.groups(Wanted(service="email"))[0].count == 2
    index.clear("email")
    assert [group.service for group in index.groups(Wanted())] == ["sync"]
    assert index.counts == {"email": 0, "sync": 1}


def test_a_hundred_thousand_letters_are_found_at_once(index: LetterIndex) -> None:
    """Any filter, any page, and the groups: well below what a person notices, also on a busy machine."""
    for start in range(0, MANY, 1000):
        numbers = range(start + 1, start + 1001)
        index.add(
            "email", [letter(number, error=f"E{'abcdefgh'[number % 8]}: no mailbox {number}") for number in numbers]
        )
    middle = f"{(BEGAN + timedelta(seconds=MANY / 2)).timestamp()!r}:email:{MANY // 2}"
    assert len(index.groups(Wanted())) == 8
    group = index.groups(Wanted())[0].name
    asked = [Wanted(), Wanted(error="nowhere to be found"), Wanted(error="mailbox 77"), Wanted(group=group)]
    for wanted in asked:
        began = time.process_time()
        index.page(wanted)
        index.page(wanted, middle)
        index.groups(wanted)
        assert time.process_time() - began < 0.3, wanted

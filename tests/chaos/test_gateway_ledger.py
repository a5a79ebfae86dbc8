"""The judge of the gateway's chaos run is not blind: each broken promise is named, and a good run passes."""

from collections import Counter

import pytest

from tests.chaos.gateway_ledger import Facts, FoundFile, Ledger, SentFile, SentJobs, breaches


def good() -> tuple[Ledger, Facts]:
    """All that was answered for is there once; of what was not answered, some is."""
    ledger = Ledger(
        jobs=[SentJobs(("one",), answered=True), SentJobs(("a", "b"), answered=True), SentJobs(("c", "d"))],
        files=[
            SentFile("keyed", "11", keyed=True, ids={"1"}),
            SentFile("bare", "22", keyed=False, ids={"2", "3"}),
            SentFile("unanswered", "33", keyed=True),
        ],
    )
    files = [
        FoundFile("1", "keyed", "processed", "11"),
        FoundFile("2", "bare", "processed", "22"),
        FoundFile("3", "bare", "processed", "22"),
    ]
    return ledger, Facts(Counter(["one", "a", "b"]), files, left={"outbox": 0})


def test_a_run_in_which_all_answers_were_true_is_good() -> None:
    """A request that nobody answered may have happened, or not; a batch wholly or not at all."""
    ledger, facts = good()
    assert breaches(ledger, facts) == []
    facts.effects.update(["c", "d"])
    assert breaches(ledger, facts) == []


@pytest.mark.parametrize(
    ("effects", "told"),
    [
        (["a", "b"], "job one was answered for and is lost"),
        (["one", "a", "b", "b"], "job b happened 2 times"),
        (["one", "a", "b", "c"], "of a batch ['c'] happened, and not the rest of ('c', 'd')"),
        (["one", "a", "b", "x"], "job x happened, and nobody sent it"),
    ],
)
def test_a_job_that_is_lost_done_twice_or_torn_is_told(effects: list[str], told: str) -> None:
    """By its id."""
    ledger, facts = good()
    facts.effects = Counter(effects)
    assert breaches(ledger, facts) == [told]


@pytest.mark.parametrize(
    ("number", "found", "told"),
    [
        (0, None, "keyed (1) was answered for and is lost"),
        (0, FoundFile("1", "keyed", "uploaded", "11"), "keyed (1) was answered for and is uploaded"),
        (0, FoundFile("1", "keyed", "processed", "99"), "keyed (1) has no object, or one with other bytes: 99"),
        (1, FoundFile("9", "keyed", "processed", "11"), "keyed is there 2 times, under one key"),
        (1, FoundFile("9", "stranger", "processed", "11"), "file stranger is there, and nobody sent it"),
    ],
)
def test_a_file_that_is_lost_damaged_or_there_twice_is_told(number: int, found: FoundFile | None, told: str) -> None:
    """By its name, which is the only one of its kind."""
    ledger, facts = good()
    facts.files[number : number + 1] = [found] if found else []
    assert told in breaches(ledger, facts)


def test_what_is_left_and_what_surprised_is_told() -> None:
    """Objects without a row, queues with something in them, answers that nobody should get."""
    ledger, facts = good()
    ledger.surprises.append("500 for a job")
    ledger.files[0].ids.add("2")
    facts.loose.append("uploads/ada/7")
    facts.left["outbox"] = 3
    found = breaches(ledger, facts)
    assert found[0] == "500 for a job"
    assert "keyed was answered with 2 files, under one key" in found
    assert found[-2:] == ["uploads/ada/7 is loose at the object store", "3 left in outbox"]

"""Answers that are everybody's."""

import asyncio

import pytest

from nightshift.console.figures.shared_answers import LONGEST_SECONDS, MOMENT_SECONDS, Question, SharedAnswers

QUEUE = Question("queue", 4)


class Broker:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def answer(self) -> int:
        """Answer after a while."""
        self.asked += 1
        await asyncio.sleep(0)
        if self.asked == 13:
            raise ValueError("no luck")
        return self.asked


async def test_who_asks_the_same_within_a_moment_costs_nothing() -> None:
    """However many; after the moment it is asked anew."""
    now, broker = 100.0, Broker()
    answers = SharedAnswers(lambda: now)
    assert await asyncio.gather(*(answers.of(QUEUE, broker.answer) for _ in range(20))) == [1] * 20
    assert await answers.of(QUEUE, broker.answer) == 1
    assert await answers.of(Question("another", 4), broker.answer) == 2
    now += MOMENT_SECONDS
    assert await answers.of(QUEUE, broker.answer) == 3


async def test_a_failure_is_told_to_who_waits_and_not_kept() -> None:
    """The next one asks again."""
    broker = Broker()
    broker.asked = 12
    answers = SharedAnswers()
    told = await asyncio.gather(*(answers.of(QUEUE, broker.answer) for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in told] == [ValueError] * 3
    assert await answers.of(QUEUE, broker.answer) == 14


async def test_one_who_goes_away_takes_nothing_from_the_others() -> None:
    """The question goes on."""
    broker = Broker()
    answers = SharedAnswers()
    first = asyncio.ensure_future(answers.of(QUEUE, broker.answer))
    await asyncio.sleep(0)
    first.cancel()
    assert await answers.of(QUEUE, broker.answer) == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_what_is_kept_is_bounded() -> None:
    """Whatever addresses somebody makes up."""
    answers = SharedAnswers(lambda: 1.0)
    broker = Broker()
    broker.asked = 100
    for number in range(2_000):
        await answers.of(Question(number, 4), broker.answer)
    assert len(answers._asked) <= 500


async def test_the_more_different_questions_are_asked_the_longer_an_answer_is_everybodys() -> None:
    """So that all of them together cost what a few do; and never longer than a person waits."""
    now, broker = 100.0, Broker()
    broker.asked = 100
    answers = SharedAnswers(lambda: now)
    for _ in range(40):
        for page in range(10):
            await answers.of(Question(page, 4), broker.answer)
        now += 0.5
    assert (broker.asked - 100) * 4 / 20 < 8
    now += LONGEST_SECONDS
    before = broker.asked
    await answers.of(Question(0, 4), broker.answer)
    assert broker.asked == before + 1


async def test_what_was_forgotten_is_asked_anew() -> None:
    """Because somebody has done something."""
    broker = Broker()
    answers = SharedAnswers(lambda: 1.0)
    assert await answers.of(QUEUE, broker.answer) == 1
    answers.forget()
    assert await answers.of(QUEUE, broker.answer) == 2

"""How long a failed job waits before its next attempt."""

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.backoff import CEILING_SECONDS, Backoff, Retries
from nightshift.contract.catalogue import load_catalogue


class Highest(random.Random):
    """Always draws the largest value there is."""

    def uniform(self, _low: float, high: float) -> float:
        """Returns the upper bound."""
        return high


class Lowest(random.Random):
    """Always draws the smallest."""

    def uniform(self, low: float, _high: float) -> float:
        """Returns the lower bound."""
        return low


@given(st.integers(-10, 10**9), st.floats(0.001, 1e6), st.randoms(use_true_random=False))
def test_every_wait_lies_between_nothing_and_the_ceiling(attempt: int, ceiling: float, rng: random.Random) -> None:
    """Whatever the attempt, also one that no attempt can be."""
    assert 0 <= Backoff(ceiling_seconds=ceiling, rng=rng).delay(attempt).total_seconds() <= ceiling + 1e-6  # rounding


@given(st.integers(1, 10))
def test_the_longest_wait_doubles_with_each_attempt(attempt: int) -> None:
    """1 s after the first failure, 2 s after the second, 4 s after the third."""
    assert Backoff(rng=Highest()).delay(attempt).total_seconds() == min(2.0 ** (attempt - 1), CEILING_SECONDS)


@given(st.integers(11, 10**6))
def test_the_longest_wait_stays_at_the_ceiling(attempt: int) -> None:
    """A quarter of an hour, however often it has failed."""
    assert Backoff(rng=Highest()).delay(attempt).total_seconds() == 15 * 60


@given(st.integers(1, 100))
def test_the_jitter_is_full(attempt: int) -> None:
    """The shortest wait is none at all, so that jobs which failed together come back apart."""
    assert Backoff(rng=Lowest()).delay(attempt).total_seconds() == 0


def _time_to_the_last_attempt(retries: Retries, rng: random.Random) -> timedelta:
    backoff = Backoff(retries.base, retries.factor, retries.ceiling, rng)
    return sum((backoff.delay(attempt) for attempt in range(1, retries.most)), timedelta())


@pytest.mark.parametrize("job_type", ["email.send", "sync.external", "sync.all", "the default"])
def test_a_job_survives_a_provider_that_is_down_for_hours(job_type: str) -> None:
    """Of a thousand jobs that meet the outage at its beginning, hardly one is given up within its first hour or two."""
    retries = Retries() if job_type == "the default" else load_catalogue().messages[job_type].RETRIES
    rng = random.Random(17)  # noqa: S311 - no secret
    times = sorted(_time_to_the_last_attempt(retries, rng) for _ in range(1000))
    assert times[10] > timedelta(hours=1 if job_type == "email.send" else 2.5)
    mean = sum(times, timedelta()) / len(times)
    assert abs(mean - retries.span) < retries.span / 20


def test_what_is_given_up_soon_is_given_up_soon() -> None:
    """A person who waits for a report or a picture learns within half an hour that there will be none."""
    messages = load_catalogue().messages
    for job_type in ("upload.process", "report.generate"):
        retries = messages[job_type].RETRIES
        backoff = Backoff(retries.base, retries.factor, retries.ceiling, Highest())
        assert sum(backoff.delay(attempt).total_seconds() for attempt in range(1, retries.most)) <= 45 * 60
    assert Retries(most=4) == messages["maintenance.sessions"].RETRIES


@pytest.mark.parametrize(
    ("retries", "words"),
    [
        (Retries(), "at most 40 attempts, over about 4 hours"),
        (Retries(most=12), "at most 12 attempts, over about 16 minutes"),
        (Retries(most=4), "at most 4 attempts, over about 4 seconds"),
        (Retries(most=2), "at most 2 attempts, over about 1 second"),
        (Retries(most=1), "one attempt"),
    ],
)
def test_a_policy_says_itself_in_words(retries: Retries, words: str) -> None:
    """For the contracts' page."""
    assert str(retries) == words


@pytest.mark.parametrize(
    "wrong", [{"most": 0}, {"base": 0}, {"base": 1000}, {"ceiling": 0.5}, {"factor": 0.5}, {"factor": float("nan")}]
)
def test_a_policy_that_cannot_be_meant_is_refused(wrong: dict[str, float]) -> None:
    """At import of the contract, with what it has to be."""
    with pytest.raises(ValueError, match=r"^Retries\("):
        Retries(**wrong)  # type: ignore[arg-type]  # numbers all

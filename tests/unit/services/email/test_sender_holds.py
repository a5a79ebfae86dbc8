"""Senders that a provider makes wait."""

from datetime import timedelta

import pytest

from services.email.mailer import Held
from services.email.sender_holds import SenderHolds

ADA, BOB = "ada@acme.example", "bob@acme.example"
HOUR = timedelta(hours=1)


class FakeClock:
    """Says what the test sets."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_a_sender_waits_until_the_pause_is_over_and_nobody_else_does() -> None:
    """A little longer, so that its mails do not come back at once."""
    clock = FakeClock()
    holds = SenderHolds(clock=clock)
    holds.hold(Held(HOUR, "550 quota", sender=ADA))
    clock.now += 600
    with pytest.raises(Held, match=r"ada@acme\.example is held back: 550 quota") as outcome:
        holds.enter(ADA)
    assert timedelta(minutes=50) < outcome.value.delay < timedelta(minutes=56)
    assert outcome.value.sender == ADA
    holds.enter(BOB)


def test_a_hold_on_everybody_is_for_everybody() -> None:
    """Such as for a wrong password."""
    holds = SenderHolds(clock=FakeClock())
    holds.hold(Held(HOUR, "535 wrong"))
    for sender in (ADA, BOB):
        with pytest.raises(Held, match="all mail is held back: 535 wrong"):
            holds.enter(sender)


def test_after_the_pause_one_mail_finds_out_whether_it_is_over() -> None:
    """The others wait for its outcome, a minute at most; when it is taken, all go."""
    clock = FakeClock()
    holds = SenderHolds(clock=clock)
    holds.hold(Held(HOUR, "550 quota", sender=ADA))
    clock.now += 3600
    holds.enter(ADA)
    with pytest.raises(Held) as outcome:
        holds.enter(ADA)
    assert outcome.value.delay < timedelta(minutes=2)
    holds.release(ADA)
    holds.enter(ADA)
    holds.enter(ADA)


def test_a_mail_of_which_nothing_is_heard_is_followed_by_another() -> None:
    """It may have met another fate than the provider's yes or no."""
    clock = FakeClock()
    holds = SenderHolds(clock=clock)
    holds.hold(Held(HOUR, "550 quota", sender=ADA))
    clock.now += 3600
    holds.enter(ADA)
    clock.now += 60
    holds.enter(ADA)


def test_the_operator_is_told_who_waits_for_how_long_and_why() -> None:
    """Every sender, and nothing when nobody waits."""
    clock = FakeClock()
    holds = SenderHolds(clock=clock)
    holds.check()
    holds.hold(Held(HOUR, "550 quota", sender=ADA))
    holds.hold(Held(2 * HOUR, "550 limit", sender=BOB))
    with pytest.raises(Held) as outcome:
        holds.check()
    assert str(outcome.value) == (
        "ada@acme.example is held back for 3600 s more: 550 quota; "
        "bob@acme.example is held back for 7200 s more: 550 limit"
    )


def test_senders_that_send_no_more_are_forgotten() -> None:
    """However many there are."""
    clock = FakeClock()
    holds = SenderHolds(clock=clock)
    for number in range(100):
        holds.hold(Held(timedelta(seconds=1), "550 quota", sender=f"{number}@acme.example"))
    clock.now += 7200
    holds.hold(Held(HOUR, "550 quota", sender=ADA))
    assert len(holds._holds) == 1

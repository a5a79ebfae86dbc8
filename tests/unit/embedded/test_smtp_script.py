"""The mail catcher's script of refusals."""

from dataclasses import dataclass

import pytest

from nightshift.embedded.servers.smtp_script import Refusals


@dataclass
class FakeClock:
    """Says what the test sets."""

    now: float = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.mark.parametrize(
    ("address", "codes"),
    [
        ("someone@example.com", [None, None]),
        ("temporary@example.com", ["451", "451", None]),
        ("temporary-3@example.com", ["451", "451", "451", None]),
        ("Temporary-0@example.com", [None]),
        ("refused@example.com", ["550", "550", "550"]),
        ("closed@example.com", ["421", None]),
        ("temporary-ⅷ@example.com", ["451", "451", None]),
        ("temporarily@example.com", [None]),
    ],
)
def test_an_address_is_refused_as_often_as_its_name_says(address: str, codes: list[str | None]) -> None:
    """A recipient's local part decides how it is answered, time after time."""
    refusals = Refusals()
    answers = [refusals.at_recipient(address) for _ in codes]
    assert [answer and answer[:3] for answer in answers] == codes


def test_addresses_with_a_suffix_are_counted_apart() -> None:
    """`temporary+a@…` and `temporary+b@…` do not use up each other's refusals."""
    refusals = Refusals()
    for address in ("temporary-1+a@example.com", "temporary-1+b@example.com"):
        assert refusals.at_recipient(address) is not None
        assert refusals.at_recipient(address) is None


def test_a_greylisted_address_is_accepted_after_its_time() -> None:
    """Counted from when it was first named, however often it is named meanwhile."""
    clock = FakeClock()
    refusals = Refusals(clock=clock)
    answers = list[str | None]()
    for clock.now in (0.0, 4.0, 4.9, 5.0, 6.0):
        answers.append(refusals.at_recipient("greylisted-5@example.com"))
    assert [answer and answer[:3] for answer in answers] == ["451", "451", "451", None, None]


def test_a_sender_whose_quota_is_used_up_is_refused_a_few_times() -> None:
    """Other senders are not."""
    refusals = Refusals()
    answers = [refusals.at_sender(f"{name}@acme.example") for name in ("quota", "hello", "quota", "quota")]
    assert [answer and answer[:9] for answer in answers] == ["550 5.4.5", None, "550 5.4.5", None]


def test_spam_is_refused_after_it_was_transmitted() -> None:
    """`spam@…` is a good recipient whose message is refused, every time."""
    refusals = Refusals()
    assert refusals.at_recipient("spam@example.com") is None
    for _ in range(2):
        assert (refusals.at_message(["a@example.com", "spam@example.com"]) or "").startswith("554")
    assert refusals.at_message(["a@example.com"]) is None


def test_the_connection_breaks_once_per_dropped_address() -> None:
    """`dropped@…` loses the answer to its first message, and only to that."""
    refusals = Refusals()
    assert [refusals.breaks_after(["dropped@example.com"]) for _ in range(3)] == [True, False, False]
    assert not refusals.breaks_after(["a@example.com"])

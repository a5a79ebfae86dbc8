"""Address texts become mailboxes."""

import pytest

from nightshift.outcomes import Permanent
from services.email.address_check import mailbox, mailboxes
from services.email.mailer import Mailbox


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ada@example.com", Mailbox("", "ada@example.com")),
        ("Ada Lovelace <ada@example.com>", Mailbox("Ada Lovelace", "ada@example.com")),
        ('"Lovelace, Ada" <ada@example.com>', Mailbox("Lovelace, Ada", "ada@example.com")),
        ("<ada@example.com>", Mailbox("", "ada@example.com")),
        ("Ada.L@EXAMPLE.com", Mailbox("", "Ada.L@example.com")),
        ("ada@müller.example", Mailbox("", "ada@xn--mller-kva.example")),
        ("ada@Müller.example", Mailbox("", "ada@xn--mller-kva.example")),
    ],
)
def test_name_and_address_are_told_apart(text: str, expected: Mailbox) -> None:
    """The name loses its quotes; the domain is in the form that DNS knows, the part before it untouched."""
    assert mailbox(text) == expected


def test_a_sharp_s_stays_one() -> None:
    """straße.example and strasse.example are two domains, and may belong to two people."""
    assert mailbox("ada@straße.example").address == "ada@xn--strae-oqa.example"


def test_a_domain_that_cannot_exist_is_named() -> None:
    """A domain that no registry can give away is refused for good, with the address in the reason."""
    with pytest.raises(Permanent, match=r"'ada@\\u200d\.example' is not an email address|its domain cannot exist"):
        mailbox("ada@\u200d.example")


def test_a_domain_longer_than_dns_allows_is_refused() -> None:
    """DNS ends at 253 characters."""
    with pytest.raises(Permanent, match="longer than 253"):
        mailbox("ada@" + "a" * 63 + ("." + "a" * 63) * 3 + ".example")


def test_one_address_or_several() -> None:
    """A single text is a list of one."""
    assert mailboxes("ada@example.com") == (Mailbox("", "ada@example.com"),)
    assert [box.address for box in mailboxes(("a@example.com", "b@example.com"))] == ["a@example.com", "b@example.com"]

"""Which senders and attachments a mail may name."""

from typing import Any

import pytest

from contracts.email import Attachment, SendEmail
from nightshift.outcomes import Permanent
from services.email.rules import MailRules

OWN = "Acme <hello@acme.example>"


def mail(**changes: Any) -> SendEmail:
    """A mail with whatever should be different."""
    return SendEmail(**{"to": "ada@example.com", "subject": "Hi", "body": "<p>Hi</p>"} | changes)


@pytest.mark.parametrize("sender", [None, "hello@acme.example", "Support <HELLO@Acme.Example>"])
def test_the_services_own_sender_may_always_be_named(sender: str | None) -> None:
    """Under any name, in letters of either case, or not at all."""
    MailRules(OWN).check(mail(sender=sender))


@pytest.mark.parametrize(
    "sender", ["bob@acme.example", "hello@sub.acme.example", "hello@acme.example.evil.example", "ceo@bank.example"]
)
def test_nobody_else_sends_by_default(sender: str) -> None:
    """Not even the neighbour in the same domain: the refusal names the setting that would let it through."""
    with pytest.raises(Permanent, match=r"'from' is .* \(MAIL_SENDERS\)"):
        MailRules(OWN).check(mail(sender=sender))


@pytest.mark.parametrize("sender", ["bob@shop.example", "Jürgen <j@müller.example>", "j@XN--MLLER-KVA.example"])
def test_addresses_and_domains_can_be_added(sender: str) -> None:
    """A domain in either form lets all of its addresses send, and none of a domain below it."""
    rules = MailRules(OWN, senders=("Bob@Shop.example", "@müller.example"))
    rules.check(mail(sender=sender))
    for other in ("eve@shop.example", "j@sub.müller.example"):
        with pytest.raises(Permanent, match="MAIL_SENDERS"):
            rules.check(mail(sender=other))


def test_only_what_lies_in_an_allowed_folder_is_attached() -> None:
    """Reports by default; an upload of anybody, a folder that merely begins alike, are refused with the place."""
    report = Attachment(key="reports/7/weekly.html", file_name="weekly.html")
    MailRules(OWN).check(mail(attachments=(report,)))
    for key in ("uploads/bob/1", "thumbnails/x-320.webp", "reports-of-others/1", "Reports/1"):
        with pytest.raises(Permanent, match=r"attachments\[1\]\.key is .* below reports/ .*MAIL_ATTACHMENT_PREFIXES"):
            MailRules(OWN).check(mail(attachments=(report, Attachment(key=key, file_name="x"))))
    MailRules(OWN, attachment_prefixes=("reports/", "invoices/")).check(
        mail(attachments=(Attachment(key="invoices/1.pdf", file_name="1.pdf"),))
    )

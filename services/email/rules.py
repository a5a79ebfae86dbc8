"""What a mail may ask for: whose name it carries, which objects it takes along."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from contracts.email import SendEmail
from nightshift import Permanent
from services.email.address_check import domain_of, mailbox

_CLAIMS = "claims/"


@dataclass(frozen=True, slots=True)
class MailRules:
    """The senders and attachments that this service lets through. Whoever may publish a mail is bound by them.

    `senders` are addresses, or domains as `@acme.example`; the service's own sender is always one of them.
    """

    sender: str
    senders: tuple[str, ...] = ()
    attachment_prefixes: tuple[str, ...] = ("reports/",)
    attachment_bytes: int = 10 * 1024 * 1024

    def check(self, message: SendEmail) -> None:
        """Refuse a mail before anything is read or sent.

        Raises:
            Permanent: its sender or an attachment is not allowed, or its sender cannot exist; the text names the
                setting.
        """
        if message.sender is not None and not self._may_send(message.sender):
            raise Permanent(f"'from' is {message.sender!r}, which this service does not send for (MAIL_SENDERS)")
        for number, attachment in enumerate(message.attachments or ()):
            if not attachment.key.startswith(self.attachment_prefixes):
                allowed = ", ".join(self.attachment_prefixes)
                raise Permanent(
                    f"attachments[{number}].key is {attachment.key!r}: objects below {allowed} may be attached "
                    "(MAIL_ATTACHMENT_PREFIXES)"
                )

    def _may_send(self, sender: str) -> bool:
        box = mailbox(sender)
        allowed = {_comparable(mailbox(self.sender).address), *map(_comparable, self.senders)}
        return bool(allowed & {_comparable(box.address), f"@{domain_of(box)}"})


def rule_problems(senders: Iterable[str], prefixes: Iterable[str]) -> Iterator[str]:
    """Yield what is wrong with the settings of the rules, one line each."""
    for sender in senders:
        try:
            _comparable(sender)
        except Permanent as error:
            yield f"MAIL_SENDERS: {error}"
    for prefix in prefixes:
        if not prefix.endswith("/") or prefix.startswith("/"):
            yield f"MAIL_ATTACHMENT_PREFIXES: {prefix!r} is no folder: write it like reports/"
        elif prefix.startswith(_CLAIMS):
            yield f"MAIL_ATTACHMENT_PREFIXES: {prefix!r} holds bodies of other jobs, which nobody may attach"


def _comparable(allowed: str) -> str:
    """Return an address or a domain as it is compared: its domain as in DNS, letters of either case alike."""
    if allowed.startswith("@"):
        return mailbox(f"anybody{allowed}").address.removeprefix("anybody")
    return mailbox(allowed).address.lower()

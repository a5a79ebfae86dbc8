"""The port `Mailer`, the mail that it sends, and its outcomes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Transport = Literal["smtp", "resend"]


class SendFailedError(Exception):
    """This attempt failed, perhaps because of the mail itself: it counts and is retried."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A name, possibly empty, and an ASCII address (an international domain is in its `xn--` form)."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class File:
    """An attachment; `content_type` is `type/subtype` without parameters."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMail:
    """A complete mail, independent of the transport.

    All attempts of a job make the same mail except for `date`.
    """

    sender: Mailbox
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()
    reply_to: Mailbox | None = None
    subject: str
    html: str
    text: str
    files: tuple[File, ...] = ()
    message_id: str
    """With its angle brackets."""
    idempotency_key: str
    """At most 256 ASCII characters, the same for every attempt of the job."""
    date: datetime

    @property
    def recipients(self) -> tuple[str, ...]:
        """Every recipient address once, in the order of to, cc, bcc."""
        return tuple(dict.fromkeys(mailbox.address for mailbox in (*self.to, *self.cc, *self.bcc)))

    @property
    def size(self) -> int:
        """Approximate size in bytes, to decide what is processed in a thread."""
        return len(self.html) + len(self.text) + sum(len(file.content) for file in self.files)


@dataclass(frozen=True, slots=True)
class Sent:
    """The mail was accepted for all of its recipients; `provider_id` is the transport's id for it."""

    transport: Transport
    provider_id: str


class Mailer(Protocol):
    """Sends a mail to all of its recipients or to none.

    All or none, because a job is done or it is not: a mail that reached some recipients would be sent to them again by
    the next attempt, or the refusal of the others would be lost.
    """

    async def send(self, mail: OutgoingMail) -> Sent:
        """Send the mail; return when it was accepted.

        Raises:
            Permanent: it was refused for good; the text says who refused what, in the server's words.
            Snooze: not the mail is at fault but the service that should accept it (unreachable, busy, rate limiting,
                greylisting, or refusing our credentials).
            SendFailedError: anything else, also when it is not known whether the mail was accepted.
        """

    async def check(self) -> None:
        """Find out whether mail can be handed over, without sending any.

        Raises:
            Snooze: it cannot; the text says why, and which setting to look at.
        """

    async def close(self) -> None:
        """Close all connections; no mail may be in flight any more."""

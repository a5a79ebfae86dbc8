"""The port `Mailer`: what is handed to whatever sends mail, and what it may answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Transport = Literal["smtp", "resend"]


class SendFailedError(Exception):
    """This attempt failed in a way that the mail itself may be the cause of: it counts, and is made again later."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A name, possibly empty, and an ASCII address (an international domain is in its `xn--` form)."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class File:
    """An attachment with its bytes; `content_type` is `type/subtype` without parameters."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMail:
    """A mail with everything decided, the same for every way of sending it.

    Two attempts at the same job make the same mail but for `date`.
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
    """At most 256 ASCII characters, the same for every attempt at the job."""
    date: datetime

    @property
    def recipients(self) -> tuple[str, ...]:
        """Every address that gets it, once, in the order of to, cc, bcc."""
        return tuple(dict.fromkeys(mailbox.address for mailbox in (*self.to, *self.cc, *self.bcc)))

    @property
    def size(self) -> int:
        """About how many bytes it holds; what takes long to process is judged by it."""
        return len(self.html) + len(self.text) + sum(len(file.content) for file in self.files)


@dataclass(frozen=True, slots=True)
class Sent:
    """The mail was accepted for all of its recipients; `provider_id` is the name that its transport gave it."""

    transport: Transport
    provider_id: str


class Mailer(Protocol):
    """Sends a mail to all of its recipients or to none.

    All or none, because a job is done or it is not: a mail that went to some would be sent to them once more by the
    next attempt, or the others' refusal would be noted nowhere.
    """

    async def send(self, mail: OutgoingMail) -> Sent:
        """Returns when the mail was accepted.

        Raises:
            Permanent: it was refused for good; the text says who refused what, in the refusing server's words.
            Snooze: not this mail is at fault but the service that should take it (out of reach, busy, limiting,
                greylisting, or refusing our credentials).
            SendFailedError: anything else, also when it is not known whether the mail was accepted.
        """

    async def check(self) -> None:
        """Find out whether mail can be handed over, without sending any.

        Raises:
            Snooze: it cannot; the text says why, and which setting to look at.
        """

    async def close(self) -> None:
        """Ends all connections; no mail may be in hand any more."""

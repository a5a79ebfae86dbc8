"""The port `Mailer`, the mail that it sends, and its outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, Protocol

from nightshift import Permanent, Snooze

Transport = Literal["smtp", "resend"]
GREYLISTED = timedelta(minutes=5)
"""The usual time that a greylist, and most of what passes by itself, takes."""


class SendFailedError(Exception):
    """This attempt failed, perhaps because of the mail itself: it counts and is retried."""


class AnswerLostError(SendFailedError):
    """The mail was transmitted, and no answer came: it may have been accepted, and sending it again may double it."""


class Held(Snooze):
    """Not the mail has to wait but whoever sends it: a quota is used up, a rate exceeded, a setting wrong.

    `sender` is the address that is held back; empty, where the server means everything that we send.
    """

    def __init__(self, delay: timedelta, reason: str, *, sender: str = "") -> None:
        super().__init__(delay, reason)
        self.sender = sender


class Deferred(Snooze):
    """The server takes this mail, or its recipients, later: a greylist, a full mailbox, a temporary error.

    It waits on a budget of its own (`Patience`), and no attempt of the job is counted. `asked` is the wait that the
    server has asked for, if it has; `refused` is what was said to each recipient, where it was not said of the mail.
    """

    def __init__(self, reason: str, *, asked: timedelta | None = None, refused: "Refusals | None" = None) -> None:
        super().__init__(asked or GREYLISTED, reason)
        self.asked = asked
        self.refused = refused or {}


class RecipientsRefused(Permanent):
    """Every recipient was refused for good; `refused` is what was said to each."""

    def __init__(self, reason: str, refused: "Refusals") -> None:
        super().__init__(reason)
        self.refused = refused


Refusals = Mapping[str, Permanent | Snooze]
"""Address of a recipient -> its outcome, in the words of the server."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A name, possibly empty, and an address (an international domain is in its `xn--` form)."""

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
    envelope: tuple[str, ...] | None = None
    """Who is to get it, if not everybody whom the headers name: the others have it, or must not get it."""

    @property
    def recipients(self) -> tuple[str, ...]:
        """Every address that is to get the mail, once, in the order of to, cc, bcc."""
        named = dict.fromkeys(mailbox.address for mailbox in (*self.to, *self.cc, *self.bcc))
        return tuple(address for address in named if self.envelope is None or address in self.envelope)

    def only_to(self, addresses: tuple[str, ...]) -> "OutgoingMail":
        """Return the same mail for some of its recipients alone; its headers stay as they are."""
        return replace(self, envelope=addresses)

    @property
    def size(self) -> int:
        """Approximate size in bytes, to decide what is processed in a thread."""
        return len(self.html) + len(self.text) + sum(len(file.content) for file in self.files)


@dataclass(frozen=True, slots=True)
class Sent:
    """The mail was accepted for all of its recipients but those in `refused`.

    `provider_id` is the transport's id for it.
    """

    transport: Transport
    provider_id: str
    refused: Refusals = field(default_factory=dict)


class Mailer(Protocol):
    """Sends a mail to as many of its recipients as are accepted, and says which those are."""

    @property
    def transport(self) -> Transport:
        """Through what it sends."""

    async def send(self, mail: OutgoingMail) -> Sent:
        """Send the mail; return when it was accepted for at least one recipient.

        Raises:
            Permanent: it was refused for good; the text says who or what was refused, in the server's words.
            Deferred: nobody has it yet, and at least one recipient may be asked again later.
            Held: not the mail is at fault: its sender has used up a quota, exceeds a rate, or a setting is wrong.
                Until the pause is over, all further mail of that sender is answered with it without asking the server.
            Snooze: the service that should accept the mail is unreachable or busy.
            SendFailedError: anything else, also when it is not known whether the mail was accepted.
        """

    async def check(self) -> None:
        """Find out whether mail can be handed over, without sending any.

        Raises:
            Snooze: it cannot; the text says why, and which setting to look at or which sender is held back.
        """

    async def close(self) -> None:
        """Close all connections; no mail may be in flight any more."""

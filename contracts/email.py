"""The messages of the email service."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from nightshift.backoff import Retries
from nightshift.contract.constraints import CONTROL, END, ONE_LINE, ONE_LINE_WORDS, check, pattern, pattern_or_list
from nightshift.contract.message import Message

# No part says more than that the text is one address, so that it cannot become two, or another header: which mailboxes
# there are is for mail servers to decide. Two dots in a row, a dot at the end, an underscore in a host's name and hosts
# without a dot all exist.
_BEYOND_ASCII = r"[^\x00-\xa0\u2028\u2029\ufeff]"
_LOCAL = rf"(?:[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~.-]|{_BEYOND_ASCII})+"
_QUOTED_LOCAL = rf'"(?:[^"\\{CONTROL}]|\\[^{CONTROL}])+"'
_LABEL = rf"(?:[A-Za-z0-9_-]|{_BEYOND_ASCII})+"
_LITERAL = r"\[[A-Za-z0-9:.]{2,50}\]"
_ADDRESS = rf"(?:{_LOCAL}|{_QUOTED_LOCAL})@(?:{_LABEL}(?:\.{_LABEL})*|{_LITERAL})"
# A comma or a semicolon in a name without quotes means that several addresses were put into one text.
_NAME = rf'(?: *"(?:[^"\\{CONTROL}]|\\[^{CONTROL}]){{1,100}}" *|[^"\\<>,;{CONTROL}]{{0,100}})'

ADDRESS = rf"^(?: *{_ADDRESS}|{_NAME}<{_ADDRESS}>) *{END}"
"""The pattern of one address, alone or after a name."""
_MAX_LENGTH = 420
_TITLE = "Email address"
_DESCRIPTION = (
    "One address, alone or after a name. A name with a comma has to be in double quotes. Both parts may have letters "
    "beyond ASCII; before the @ they need a mail server that takes them (SMTPUTF8). Which mailboxes there are is for "
    "mail servers to decide: what they refuse is a dead letter with their words."
)
_EXAMPLES = ["ada@example.com", "Ada Lovelace <ada@example.com>", '"Lovelace, Ada" <ada@example.com>']

Address = Annotated[
    str,
    pattern(
        ADDRESS,
        "one email address such as 'ada@example.com' or 'Ada Lovelace <ada@example.com>'",
        max_length=_MAX_LENGTH,
        title=_TITLE,
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    ),
]
"""`ada@example.com`, `Ada Lovelace <ada@example.com>`."""

_OneAddress = Annotated[
    str,
    pattern_or_list(ADDRESS, max_length=_MAX_LENGTH, title=_TITLE, description=_DESCRIPTION, examples=_EXAMPLES),
]
Recipients = _OneAddress | Annotated[tuple[Address, ...], Meta(min_length=1, max_length=50, title="Email addresses")]
CopyRecipients = _OneAddress | Annotated[tuple[Address, ...], Meta(max_length=50, title="Email addresses")]

_SEGMENT = rf"(?!\.{{1,2}}(?:/|{END}))[^/{CONTROL}]+"
"""A segment of a key: not empty, and neither `.` nor `..`, which object stores do not distinguish."""


class Attachment(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A file that is attached to the mail; it is read from the object store when the mail is sent."""

    key: Annotated[
        str,
        pattern(
            rf"^(?!claims/){_SEGMENT}(?:/{_SEGMENT})*{END}",
            "the key of an object such as 'reports/week-30.pdf', not beginning with '/' or 'claims/'",
            min_length=1,
            max_length=1024,
            description="Key of the object in the bucket.",
            examples=["reports/2026/week-30.pdf"],
        ),
    ]
    file_name: Annotated[
        str,
        pattern(
            rf"^[^ /\\{CONTROL}](?:[^/\\{CONTROL}]*[^ /\\{CONTROL}])?{END}",
            "a file name in one line, without '/' or '\\', no space at its ends",
            min_length=1,
            max_length=200,
            description="Name that the recipient sees.",
            examples=["Weekly report.pdf"],
        ),
    ]


class SendEmail(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Send one mail to all of its recipients, or to none of them; whoever is on the suppression list is left out.

    Unknown fields are ignored, so that newer publishers can write to older workers; our own publishers and command line
    refuse them. Null stands for a field that is absent.
    """

    SUBJECT: ClassVar[str] = "jobs.email.send"
    RETRIES: ClassVar[Retries] = Retries(most=24, base=5.0)
    TIMEOUT_SECONDS: ClassVar[float | None] = 60.0

    to: Annotated[
        Recipients,
        Meta(description="Recipients: one address, or a list of up to 50.", examples=["ada@example.com"]),
    ]
    subject: Annotated[
        str,
        pattern(
            ONE_LINE,
            ONE_LINE_WORDS,
            min_length=1,
            max_length=500,
            description="Subject line.",
            examples=["Your weekly report"],
        ),
    ]
    body: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=1_000_000,
            description="The mail as HTML.",
            examples=["<p>Hello Ada, your report is ready.</p>"],
        ),
    ]
    text: Annotated[
        Annotated[str, Meta(min_length=1, max_length=1_000_000)] | None,
        Meta(
            description="The same as plain text, for readers without HTML; derived from `body` when absent.",
            examples=["Hello Ada, your report is ready."],
        ),
    ] = None
    sender: Annotated[
        Address | None,
        Meta(
            description="Sender; the service's own sender when absent.",
            examples=["Acme <hello@acme.example>"],
        ),
    ] = msgspec.field(default=None, name="from")
    reply_to: Annotated[
        Address | None,
        Meta(description="Address for replies, if it is not the sender's.", examples=["support@acme.example"]),
    ] = None
    cc: Annotated[
        CopyRecipients | None,
        Meta(description="Recipients of a copy, visible to all: one address, or a list of up to 50."),
    ] = ()
    bcc: Annotated[
        CopyRecipients | None,
        Meta(description="Recipients of a copy, visible to nobody else: one address, or a list of up to 50."),
    ] = ()
    attachments: Annotated[
        Annotated[tuple[Attachment, ...], Meta(max_length=20)] | None,
        Meta(description="Files from the object store, up to 20."),
    ] = ()

    def __post_init__(self) -> None:
        """Check the fields that are one address and not a list; see `pattern_or_list`."""
        check(ADDRESS, self.to, "to")
        check(ADDRESS, self.cc, "cc")
        check(ADDRESS, self.bcc, "bcc")

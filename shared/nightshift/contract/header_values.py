"""What the headers of messages may hold, where more than one kind of message has them."""

from typing import Annotated

from msgspec import Meta

from nightshift.contract import wire
from nightshift.contract.constraints import END, pattern

REASON = rf"^(?:{'|'.join(wire.REASONS)}){END}"
JobId = Annotated[
    str,
    Meta(
        min_length=1,
        description="With the type, the identity of the work: a second job of the same type and id has no second "
        "effect, for 60 days. Any text; in subjects and keys one that is longer than 200 bytes or not of "
        "[A-Za-z0-9_-] is replaced by `~` and its SHA-256.",
        examples=["welcome-17"],
    ),
]
MsgId = Annotated[
    str,
    Meta(
        min_length=1,
        description="The broker drops a second message with this id on the same stream within two minutes. "
        "Also the job's identity when there is no Job-Id. Our publishers write `<type>/<job id>`.",
        examples=["email.send/welcome-17"],
    ),
]
AttemptBase = Annotated[
    str,
    pattern(
        rf"^[0-9]{{1,6}}{END}",
        "a whole number",
        description="Attempts that were used before this copy.",
        examples=["2"],
    ),
]
Claim = Annotated[
    str,
    pattern(
        rf"^claims/[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}/[0-9a-f]{{64}}{END}",
        "claims/<date>/<sha256>",
        description="The body is the object with this key, and the message has none: how our publishers send a body "
        "over 128 KB. The hash is that of the body; the object may be deleted from that date on.",
        examples=[f"claims/2026-09-07/{'0a' * 32}"],
    ),
]
Tenant = Annotated[
    str, Meta(description="Whose job it is, for the ledger and for its follow-up jobs.", examples=["acme"])
]
Trace = Annotated[
    str,
    Meta(
        description="W3C trace context, carried along to follow-up jobs; one that is not well-formed is ignored.",
        examples=["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
    ),
]
Attempts = Annotated[
    str, pattern(rf"^[0-9]{{1,7}}{END}", "a whole number", description="Attempts that were made.", examples=["4"])
]
Reason = Annotated[str, pattern(REASON, " or ".join(wire.REASONS), description="Why it was given up on.")]
Error = Annotated[
    str,
    pattern(
        rf"^[ -~]*{END}",
        "one line of ASCII",
        max_length=1024,
        description="What went wrong, in one line without secrets.",
        examples=["Expected `str`, got `int` - at `$.subject`"],
    ),
]
BatchId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description="Jobs that are stored together or not at all have one (ADR-50): our publishers do so with those "
        "that are published at the same time. It says nothing to a worker.",
        examples=["0123456789abcdef0123456789abcdef"],
    ),
]
BatchSequence = Annotated[
    str,
    pattern(rf"^[0-9]{{1,4}}{END}", "a whole number", description="Its place in that batch, from 1.", examples=["17"]),
]
BatchCommit = Annotated[str, Meta(description="`1` at the last one of a batch, which stores it.", examples=["1"])]

"""The newsletter's messages, who publishes them, and who handles which events."""

from typing import Annotated, ClassVar

from msgspec import Meta

from nightshift import Message, Retries

PUBLISHES = {"newsletter": ("newsletter.send",)}
"""Service -> the job types that it enqueues: the broker refuses all others."""
EVENT_CONSUMERS = {"newsletter": "newsletter"}
"""First token of a schedule's name -> the service that handles its events."""


class SendIssue(Message):
    """Send one issue of the newsletter to one reader."""

    SUBJECT: ClassVar[str] = "jobs.newsletter.send"
    RETRIES: ClassVar[Retries] = Retries(most=6)
    TIMEOUT_SECONDS: ClassVar[float | None] = 60.0

    reader: Annotated[str, Meta(min_length=1, max_length=200, examples=["ada"])]
    week: Annotated[str, Meta(pattern=r"^\d{4}-W\d{2}\Z", description="ISO week.", examples=["2026-W48"])]

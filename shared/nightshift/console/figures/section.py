"""The sections of the guide that the console leads to: of docs/operations.md, which it has as a page, `/help`."""

from enum import StrEnum


class Section(StrEnum):
    """A section, by its anchor."""

    BACKLOG = "a-backlog-grows"
    NEARLY_FULL = "a-queue-is-nearly-full"
    DEAD_LETTER = "a-dead-letter-appears"
    UNAVAILABLE = "a-component-or-a-process-is-unavailable"
    SCHEDULE = "a-schedule-is-late-or-was-missed"
    DEPLOY = "a-deploy-goes-wrong"

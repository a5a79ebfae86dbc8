"""Run the newsletter service: `CONTRACTS_PACKAGE=examples.newsletter.contracts python -m examples.newsletter`."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from examples.newsletter.handlers import send_due, send_issue
from nightshift import Service, Settings


class NewsletterSettings(Settings, frozen=True, kw_only=True):
    """From the environment: ISSUES_FOLDER, LETTERBOX_FOLDER, READERS, and what every service has."""

    issues_folder: Annotated[Path, Meta(description="Where the issues are written: 2026-W48.txt.")]
    letterbox_folder: Annotated[Path, Meta(description="Where they are delivered.")]
    readers: Annotated[str, Meta(description="The readers' names, with commas between.")] = ""


newsletter = Service("newsletter", settings=NewsletterSettings)
newsletter.handler(send_issue)
newsletter.event("newsletter.weekly")(send_due)


@newsletter.resource
def issues(settings: NewsletterSettings) -> Path:
    """Where the issues are; what is opened here and yielded is closed at the end."""
    return settings.issues_folder


@newsletter.resource
def letterbox(settings: NewsletterSettings) -> Path:
    """Where they are delivered."""
    return settings.letterbox_folder


@newsletter.resource
def readers(settings: NewsletterSettings) -> Iterable[str]:
    """Everybody who gets it."""
    return [name.strip() for name in settings.readers.split(",") if name.strip()]


if __name__ == "__main__":
    sys.exit(newsletter.run("python -m examples.newsletter"))

"""Run the newsletter service: `CONTRACTS_PACKAGE=examples.newsletter.contracts python -m examples.newsletter`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from examples.newsletter.contracts import SendIssue
from examples.newsletter.handlers import send_due, send_issue
from nightshift import Handlers, ServiceContext, Settings, run_service


class NewsletterSettings(Settings, frozen=True, kw_only=True):
    """From the environment: ISSUES_FOLDER, LETTERBOX_FOLDER, READERS, and what every service has."""

    issues_folder: Annotated[Path, Meta(description="Where the issues are written: 2026-W48.txt.")]
    letterbox_folder: Annotated[Path, Meta(description="Where they are delivered.")]
    readers: Annotated[str, Meta(description="The readers' names, with commas between.")] = ""


@asynccontextmanager
async def handlers(settings: NewsletterSettings, context: ServiceContext) -> AsyncIterator[Handlers]:
    """Bind the handlers to what they need; what is opened here is closed at the end."""
    del context  # database, object store and publisher, for handlers that need them
    readers = [name.strip() for name in settings.readers.split(",") if name.strip()]
    send = partial(send_issue, issues=settings.issues_folder, letterbox=settings.letterbox_folder)
    yield {
        SendIssue: send,
        "cron.newsletter.weekly": partial(send_due, readers=readers),
    }


if __name__ == "__main__":
    sys.exit(run_service("newsletter", NewsletterSettings, handlers))

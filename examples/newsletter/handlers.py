"""What the newsletter does: plain async functions of a message, a job, and what else they need."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from examples.newsletter.contracts import SendIssue
from nightshift import Job, Permanent, ScheduleFired, Snooze


async def send_due(event: ScheduleFired, job: Job, *, readers: Iterable[str]) -> None:
    """Turn the schedule's event into one job per reader; they exist if and only if this one commits."""
    week = f"{event.due:%G-W%V}"
    for reader in readers:
        job.enqueue(SendIssue(reader=reader, week=week), job_id=f"{week}-{reader}")  # the id: once per reader and week


async def send_issue(message: SendIssue, job: Job, *, issues: Path, letterbox: Path) -> None:
    """Put the week's issue into the reader's letterbox, under a name that a second run would use again.

    Raises:
        Snooze: the issue is not written yet. No attempt is counted.
        Permanent: the reader's name is no file name. A dead letter, at once.
    """
    if "/" in message.reader:
        raise Permanent(f"there is no letterbox for {message.reader!r}")
    issue = issues / f"{message.week}.txt"
    if not issue.exists():
        raise Snooze(timedelta(minutes=10))
    letter = letterbox / f"{message.reader}-{message.week}-{job.key}.txt"
    letter.write_text(f"Dear {message.reader},\n\n{issue.read_text(encoding='utf-8')}", encoding="utf-8")
    job.result = {"file": letter.name}

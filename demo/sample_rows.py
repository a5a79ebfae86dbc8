"""Sample rows of a web application in use for two years: generated one by one, the same for the same seed."""

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table

from nightshift.database.tables import processed_messages
from schema.tables import activity_logs, email_deliveries, files, linked_accounts, reports, sessions, users

Row = dict[str, Any]

_ACTIONS = ("login", "logout", "search", "file.upload", "file.download", "profile.update", "report.request")
_KINDS = ("weekly-summary", "user-activity", "storage-usage")
_TYPES = (("image/jpeg", "jpg"), ("image/png", "png"), ("application/pdf", "pdf"), ("text/csv", "csv"))


@dataclass(frozen=True)
class World:
    """The seed, the current time, and the number of users, which all rows depend on."""

    seed: int
    now: datetime
    users: int

    def id(self, kind: str, number: int) -> str:
        """Return the id of a row, which follows from its number: no list of ids is kept."""
        return hashlib.blake2b(f"{self.seed}/{kind}/{number}".encode(), digest_size=16).hexdigest()

    def somebody(self, draw: random.Random) -> str:
        """Return the id of a user; some are much more active than others."""
        return self.id("user", int(self.users * draw.random() ** 2))

    def ago(self, draw: random.Random, days: float) -> datetime:
        """Return a random time within the last days."""
        return self.now - timedelta(seconds=draw.random() * days * 86_400)


Make = Callable[[World, random.Random, int], Row]


def _user(world: World, draw: random.Random, number: int) -> Row:
    email = f"user-{world.seed}-{number}@example.com"
    return {
        "id": world.id("user", number),
        "email": email,
        "name": f"User {number}",
        "created_at": world.ago(draw, 730),
    }


def _session(world: World, draw: random.Random, number: int) -> Row:
    created = world.ago(draw, 60)
    ends = {"created_at": created, "expires_at": created + timedelta(days=14)}
    return {"id": world.id("session", number), "user_id": world.somebody(draw), **ends}


def _activity(world: World, draw: random.Random, number: int) -> Row:
    action, user = draw.choice(_ACTIONS), world.somebody(draw)
    return {
        "id": world.id("activity", number),
        "user_id": None if draw.random() < 0.02 else user,  # noqa: PLR2004 - a share, as all below
        "action": action,
        "details": {"query": f"word {draw.randrange(500)}"} if action == "search" else {},
        "created_at": world.ago(draw, 90),
    }


def _file(world: World, draw: random.Random, number: int) -> Row:
    owner, created, luck = world.somebody(draw), world.ago(draw, 365), draw.random()
    content_type, ending = draw.choice(_TYPES)
    status = "pending" if luck < 0.03 else "uploaded" if luck < 0.05 else "failed" if luck < 0.07 else "processed"  # noqa: PLR2004
    done = status == "processed"
    # Every tenth file has the content, and so the thumbnail, of the one before it.
    checksum = hashlib.sha256(world.id("content", number - (number % 10 == 1)).encode()).hexdigest()
    pictured = done and content_type.startswith(("image/", "application/pdf"))
    return {
        "id": world.id("file", number),
        "user_id": None if draw.random() < 0.05 else owner,  # noqa: PLR2004
        "object_key": f"uploads/{owner}/{world.id('file', number)}",
        "original_name": f"file-{number}.{ending}",
        "size": draw.randrange(1_000, 20_000_000),
        "content_type": content_type,
        "checksum": checksum if done else None,
        "status": status,
        "processed": done,
        "thumbnail_key": f"thumbnails/{checksum}-320.webp" if pictured else None,
        "error": "it is empty: 0 bytes were uploaded" if status == "failed" else None,
        "created_at": created,
        "updated_at": created + timedelta(seconds=5) if done else None,
    }


def _account(world: World, draw: random.Random, number: int) -> Row:
    """Return an account that nothing syncs: behind sample rows there is nobody who wants to be called."""
    return {
        "id": world.id("account", number),
        "user_id": world.id("user", number // 2),
        "service": ("github", "feed")[number % 2],
        "external_account": f"account-{number}",
        "status": "revoked" if draw.random() < 0.03 else "disabled",  # noqa: PLR2004
        "last_synced_at": world.ago(draw, 1),
        "created_at": world.ago(draw, 365),
    }


def _report(world: World, draw: random.Random, number: int) -> Row:
    kind, created, report_id = _KINDS[number % 3], world.ago(draw, 365), world.id("report", number)
    done = draw.random() > 0.02  # noqa: PLR2004
    asked = kind != "weekly-summary"
    return {
        "id": report_id,
        "kind": kind,
        "requested_by": world.somebody(draw) if asked else None,
        "requester_email": f"reader-{number}@example.com",
        "status": "done" if done else "failed",
        "error": None if done else "no answer in time",
        "html_key": f"reports/{report_id}.html" if done else None,
        "csv_key": f"reports/{report_id}.csv" if done else None,
        "created_at": created,
        "finished_at": created + timedelta(seconds=draw.random() * 20),
    }


def _mail(world: World, draw: random.Random, number: int) -> Row:
    job_id, transport = world.id("mail", number), draw.choice(("smtp", "smtp", "resend"))
    return {
        "id": world.id("delivery", number),
        "job_id": job_id,
        "recipients": [f"user-{world.seed}-{draw.randrange(world.users)}@example.com"],
        "subject": draw.choice(("Welcome", "Your report is ready", "Your weekly summary")),
        "transport": transport,
        "provider_id": job_id[:12] if transport == "resend" else None,
        "message_id": f"<{job_id}.email.send@example.com>",
        "sent_at": world.ago(draw, 120),
    }


def _done_job(world: World, draw: random.Random, number: int) -> Row:
    row = {"consumer": "email", "type": "email.send", "id": world.id("mail", number)}
    return row | {"processed_at": world.ago(draw, 120)}


SHARES: Mapping[str, tuple[Table, Make, float]] = {
    "users": (users, _user, 0.05),
    "sessions": (sessions, _session, 0.20),
    "activity_logs": (activity_logs, _activity, 0.40),
    "files": (files, _file, 0.10),
    "linked_accounts": (linked_accounts, _account, 0.05),
    "reports": (reports, _report, 0.01),
    "email_deliveries": (email_deliveries, _mail, 0.09),
    "processed_messages": (processed_messages, _done_job, 0.10),
}
"""Every table with what makes its rows and its share of all rows; what is referred to comes first."""


def rows_of(name: str, world: World, count: int) -> Iterator[Row]:
    """Generate the rows of a table, one at a time."""
    draw = random.Random(f"{world.seed}/{name}")  # noqa: S311 - sample data
    make = SHARES[name][1]
    return (make(world, draw, number) for number in range(count))

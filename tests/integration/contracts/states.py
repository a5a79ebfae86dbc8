"""Makes the world in which the valid samples can be done: rows, objects and accounts that they name."""

import io
import json
from dataclasses import dataclass
from typing import Any

from PIL import Image
from sqlalchemy import Table
from sqlalchemy.dialects.sqlite import insert

from demo.sites.feed_site import RSS_TYPE, FeedSite, rss
from demo.sites.github_api import GitHubApi, repository
from demo.sites.http_site import HttpSite
from demo.sites.stripe_api import StripeApi
from nightshift.database import Database
from nightshift.objects import ObjectStore
from schema.tables import files, linked_accounts, reports, users
from tools.contracts.samples import Sample

TOKEN = "gho_made_up_token_of_ada"


@dataclass
class Outside:
    """The services that the world outside offers."""

    github: GitHubApi
    github_site: HttpSite
    feeds: FeedSite
    feed_site: HttpSite
    stripe: StripeApi

    def open(self) -> None:
        """Fills them with an account and a feed."""
        self.github.accounts["ada"] = [repository(number) for number in range(3)]
        self.github.tokens[TOKEN] = "ada"
        self.feeds.documents = {"/feed": (rss([1, 2]), RSS_TYPE)}


async def arrange(samples: list[Sample], database: Database, objects: ObjectStore, outside: Outside) -> None:
    """Makes what the valid ones of these samples need."""
    outside.open()
    for sample in samples:
        if sample.valid:
            await _STATES.get(sample.subject, _nothing)(sample.value(), database, objects, outside)


async def _nothing(*_: Any) -> None:
    """The job needs nothing."""


async def _attachments(body: Any, _: Database, objects: ObjectStore, __: Outside) -> None:
    for attachment in body.get("attachments") or []:
        await objects.put(attachment["key"], b"%PDF-1.4", "application/pdf")


async def _upload(body: Any, database: Database, objects: ObjectStore, _: Outside) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (32, 24), "navy").save(picture, "PNG")
    key = f"uploads/{body['fileId'].replace('/', '-')}"
    await objects.put(key, picture.getvalue(), "image/png")
    await _user(database, body["userId"])
    row = {"id": body["fileId"], "user_id": body["userId"], "object_key": key, "original_name": "a.png"}
    await _add(database, files, row | {"status": "uploaded"})


async def _report(body: Any, database: Database, _: ObjectStore, __: Outside) -> None:
    row = {"id": body["reportId"], "kind": "weekly-summary", "requester_email": "ada@example.com", "parameters": {}}
    await _add(database, reports, row)


async def _account(body: Any, database: Database, _: ObjectStore, outside: Outside) -> None:
    await _user(database, body["userId"])
    url = {"github": outside.github_site.url, "feed": f"{outside.feed_site.url}/feed"}[body["service"]]
    row = {"user_id": body["userId"], "service": body["service"], "base_url": url}
    await _add(database, linked_accounts, row | ({"credentials": TOKEN} if body["service"] == "github" else {}))


async def _event(body: Any, database: Database, _: ObjectStore, outside: Outside) -> None:
    """Whoever pushes has linked an account; what a thin event of Stripe names is there."""
    if body["source"] == "github":
        await _user(database, "user-of-github")
        row = {"user_id": "user-of-github", "service": "github", "external_account": "ada"}
        await _add(database, linked_accounts, row)
    if '"v2.core.event"' in body.get("body", ""):
        related = json.loads(body["body"])["related_object"]
        outside.stripe.objects[related["url"]] = {"id": related["id"], "object": related["type"]}


async def _object(body: Any, _: Database, __: ObjectStore, outside: Outside) -> None:
    outside.stripe.objects[body["path"]] = {"id": body["objectId"], "object": body["objectType"]}


async def _user(database: Database, user: str) -> None:
    await _add(database, users, {"id": user, "email": f"{len(user)}-{abs(hash(user))}@example.com"})


async def _add(database: Database, table: Table, row: dict[str, Any]) -> None:
    """Two samples may name the same."""
    async with database.write() as connection:
        await connection.execute(insert(table).on_conflict_do_nothing(), row)


_STATES = {
    "jobs.email.send": _attachments,
    "jobs.upload.process": _upload,
    "jobs.report.generate": _report,
    "jobs.sync.external": _account,
    "jobs.webhook.received": _event,
    "jobs.webhook.refresh": _object,
}

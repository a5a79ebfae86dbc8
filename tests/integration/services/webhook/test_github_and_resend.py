"""A push syncs the account of the repository's owner; a bounce ends on the delivery's row and the suppression list."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts.sync import SyncExternal
from nightshift.instants import utc_now
from schema.tables import email_deliveries, email_suppressions, linked_accounts, users
from tests.integration.services.webhook.desk import START, Desk, event_of

PUSH = {"ref": "refs/heads/main", "repository": {"full_name": "Ada/engine", "owner": {"login": "Ada"}}}
BOUNCE = {"type": "Permanent", "subType": "General", "message": "The mailbox does not exist."}


async def _link(desk: Desk, user: str, account: str, **row: Any) -> None:
    await desk.add(users, id=user, email=f"{user}@example.com")
    await desk.add(linked_accounts, user_id=user, service="github", external_account=account, **row)


@pytest.mark.parametrize("event_type", ["push", "release"])
async def test_news_at_github_sync_the_accounts_of_the_owner(desk: Desk, event_type: str) -> None:
    """Everybody's who has linked it, as GitHub writes its name or in lower case; nobody else's."""
    await _link(desk, "user-1", "Ada")
    await _link(desk, "user-2", "ada")
    await _link(desk, "user-3", "Adam")
    await _link(desk, "user-4", "Ada", status="disabled")
    result = await desk.receive(event_of("github", "h1", event_type, PUSH))
    assert [job.decode(SyncExternal) for job in result.follow_ups] == [
        SyncExternal(user_id=user, service="github") for user in ("user-1", "user-2")
    ]


async def test_a_push_to_a_stranger_is_skipped(desk: Desk) -> None:
    """Nobody has linked that account."""
    result = await desk.receive(event_of("github", "h1", "push", PUSH))
    assert (result.outcome, str(result.exception)) == ("skipped", "no active account of GitHub is linked to 'Ada'")


def _resend(event_type: str, *, at: datetime = START, to: tuple[str, ...] = ("Eve@Example.com",), **data: Any) -> Any:
    body = {"type": event_type, "created_at": at.isoformat(), "data": {"email_id": "re-1", "to": list(to), **data}}
    return event_of("resend", f"msg_{event_type}_{at:%H%M%S}", event_type, body)


async def _deliver(desk: Desk) -> None:
    row = {"job_id": "job-1", "recipients": ["eve@example.com"], "subject": "Hi", "message_id": "<1@acme.example>"}
    await desk.add(email_deliveries, transport="resend", provider_id="re-1", sent_at=START, **row)


async def test_a_bounce_is_on_the_delivery_and_stops_further_mail(desk: Desk) -> None:
    """The row has the provider's words; the list has the address in lower case."""
    await _deliver(desk)
    assert (await desk.receive(_resend("email.bounced", bounce=BOUNCE))).outcome == "done"
    (row,) = await desk.rows(email_deliveries)
    words = "Permanent General: The mailbox does not exist."
    assert (row["status"], row["status_at"], row["status_reason"]) == ("bounced", START, words)
    (listed,) = await desk.rows(email_suppressions)
    assert (listed["address"], listed["reason"], listed["detail"]) == ("eve@example.com", "bounced", words)


async def test_a_full_mailbox_does_not_stop_further_mail(desk: Desk) -> None:
    """It bounced for now; the row says so."""
    await _deliver(desk)
    await desk.receive(_resend("email.bounced", bounce={**BOUNCE, "type": "Transient"}))
    assert [row["status"] for row in await desk.rows(email_deliveries)] == ["bounced"]
    assert await desk.rows(email_suppressions) == []


async def test_a_mail_to_several_stops_nobodys(desk: Desk) -> None:
    """Resend does not say which of them it was."""
    await _deliver(desk)
    await desk.receive(_resend("email.complained", to=("eve@example.com", "bob@example.com")))
    assert [row["status"] for row in await desk.rows(email_deliveries)] == ["complained"]
    assert await desk.rows(email_suppressions) == []


@pytest.mark.parametrize("late", [False, True])
async def test_what_happened_last_is_on_the_row(desk: Desk, *, late: bool) -> None:
    """In whatever order the events come."""
    await _deliver(desk)
    events = [_resend("email.bounced", bounce=BOUNCE), _resend("email.complained", at=START + timedelta(seconds=9))]
    for event in reversed(events) if late else events:
        await desk.receive(event)
    assert [row["status"] for row in await desk.rows(email_deliveries)] == ["complained"]


async def test_a_bounce_that_is_faster_than_the_row_waits_for_it(desk: Desk) -> None:
    """The row is written when Resend has taken the mail; it costs no attempt."""
    now = utc_now()
    body = {"created_at": now.isoformat(), "data": {"email_id": "re-1", "to": ["eve@example.com"], "bounce": BOUNCE}}
    event = event_of("resend", "msg_1", "email.bounced", body, received_at=now)
    assert (await desk.receive(event)).outcome == "snooze"
    await _deliver(desk)
    assert (await desk.receive(event)).outcome == "done"


async def test_a_mail_of_another_application_is_only_listed(desk: Desk) -> None:
    """Sent through the same account at Resend: it has no row here, and its address bounces all the same."""
    assert (await desk.receive(_resend("email.bounced", bounce=BOUNCE))).outcome == "done"
    assert [row["address"] for row in await desk.rows(email_suppressions)] == ["eve@example.com"]

"""An event of a third party is believed because the gateway has verified it: nobody else can publish one."""

import pytest

from contracts.webhook import WebhookReceived
from nightshift.broker import NotPermittedError, connect
from nightshift.broker.jetstream import manage
from nightshift.instants import utc_now
from nightshift.messaging.outbound import encode
from tests.integration.security.conftest import USERS, Guarded

FORGED = encode(WebhookReceived(source="stripe", event_id="evt_17", event_type="invoice.paid", received_at=utc_now()))
ITS_OWN = {"gateway", "webhook", "operator", "console-operator"}
"""The gateway; the service itself, which publishes again what waited; operators, who replay and redrive."""
SUBJECTS = ["jobs.webhook.received", "later.webhook.received.evt_17", "due.webhook.received"]


@pytest.mark.parametrize("user", sorted(USERS.keys() - ITS_OWN))
async def test_no_other_user_of_the_broker_publishes_an_event(guarded: Guarded, user: str) -> None:
    """Neither as a job, nor by way of what waits for its time: the broker says no at once."""
    connection = await connect(guarded.settings(user), name=user)
    try:
        for subject in SUBJECTS:
            with pytest.raises(NotPermittedError, match="no permission"):
                await connection.ask(subject, FORGED)
    finally:
        await connection.close()
    for stream in ("WEBHOOK", "WEBHOOK_LATER"):
        assert (await manage(guarded.operator, f"STREAM.INFO.{stream}"))["state"]["messages"] == 0


@pytest.mark.parametrize("user", ["gateway", "console-operator"])
@pytest.mark.parametrize("subject", SUBJECTS[1:])
async def test_gateway_and_console_publish_events_of_the_present_only(
    guarded: Guarded, user: str, subject: str
) -> None:
    """What waits for its time could replace or erase what others have there."""
    connection = await connect(guarded.settings(user, nats_api_prefix="NIGHTSHIFT.API"), name=user)
    try:
        with pytest.raises(NotPermittedError, match="no permission"):
            await connection.ask(subject, FORGED)
        await connection.ask(SUBJECTS[0], FORGED)
    finally:
        await connection.close()
    assert (await manage(guarded.operator, "STREAM.INFO.WEBHOOK"))["state"]["messages"] == 1
    await manage(guarded.operator, "STREAM.PURGE.WEBHOOK")

"""A burst of mails against a provider that takes only so many a second."""

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from contracts.email import SendEmail
from nightshift.broker import connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.services import Service
from nightshift.embedded.stack import Stack
from nightshift.messaging.publisher import Publisher
from tests.harness import eventually
from tests.integration.services.email.resend_api import API_KEY, ResendApi
from tests.servers import serving

MAILS, PER_SECOND = 100, 10


@pytest.fixture
async def workers(stack: Stack, api: ResendApi) -> AsyncIterator[list[Service]]:
    """Two replicas, each as fast as both together may be."""
    await stack.provision()
    api.per_second = PER_SECOND
    settings = {
        "MAIL_TRANSPORT": "resend",
        "RESEND_API_KEY": API_KEY,
        "RESEND_URL": api.url,
        "RESEND_PER_SECOND": str(PER_SECOND),
    }
    replicas = [Service(stack, "email", replica=number, extra=settings) for number in (1, 2)]
    async with serving(*replicas):
        yield replicas


async def retries(worker: Service) -> float:
    """How many failed attempts a worker makes again."""

    def read() -> str:
        with urllib.request.urlopen(f"{worker.health_url}/metrics", timeout=10) as answer:  # noqa: S310 - on loopback
            return str(answer.read().decode())

    families = text_string_to_metric_families(await asyncio.to_thread(read))
    samples = [sample for family in families for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name == "nightshift_retries_total")


async def test_a_burst_is_sent_whole_and_costs_no_attempt(stack: Stack, workers: list[Service], api: ResendApi) -> None:
    """Every mail once, no attempt burnt, no dead letter; in not much more time and requests than the limit makes it."""
    connection = await connect(ProcessSettings(nats_url=stack.broker.url), name="test")
    mails = [SendEmail(to=f"user-{number}@example.com", subject="Hi", body="<p>Hi</p>") for number in range(MAILS)]
    started = time.monotonic()
    await Publisher(connection).publish_many(mails)
    await eventually(lambda: len(api.sent) >= MAILS, what="every mail is sent", timeout_seconds=60)
    seconds = time.monotonic() - started

    async def settled() -> bool:
        streams = [await manage(connection, f"STREAM.INFO.{name}") for name in ("EMAIL", "EMAIL_LATER", "EMAIL_DLQ")]
        return all(stream["state"]["messages"] == 0 for stream in streams)

    await eventually(settled, what="nothing waits, nothing is dead")
    await connection.close()
    assert sorted(body["to"][0] for body in api.sent) == sorted(f"user-{number}@example.com" for number in range(MAILS))
    assert [await retries(worker) for worker in workers] == [0, 0]
    assert seconds < 3 * MAILS / PER_SECOND
    assert len(api.requests) < 2.5 * MAILS

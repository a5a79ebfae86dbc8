"""The numbers of `/metrics` tell the truth: after a known load they are exactly what was done."""

import time
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from contracts.email import Attachment, SendEmail
from nightshift.embedded.services import Service
from tests.harness import eventually
from tests.integration.cli.harness import Operator
from tests.servers import serving

MAIL = SendEmail(to="ada@example.com", subject="Hi", body="<p>Hi</p>")
NO_SUCH_FILE = SendEmail(
    to="ada@example.com", subject="Hi", body="x", attachments=(Attachment(key="reports/no-such", file_name="x"),)
)


@dataclass
class Numbers:
    """One scrape."""

    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def __call__(self, name: str, **labels: str) -> float:
        """The value of a sample; 0 for one that is not there."""
        return self.samples.get((name, frozenset(labels.items())), 0.0)


def scrape(service: Service) -> Numbers:
    """Reads `/metrics` as Prometheus does."""
    with urllib.request.urlopen(f"{service.health_url}/metrics", timeout=10) as answer:  # noqa: S310 - on loopback
        text = answer.read().decode()
    families = list(text_string_to_metric_families(text))
    return Numbers(
        {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}
    )


@pytest.fixture(scope="module")
async def email(shared_operator: Operator) -> AsyncIterator[Service]:
    """The email service, which tries everything twice."""
    service = Service(shared_operator.stack, "email", extra={"MAX_RETRIES": "1"})
    async with serving(service):
        yield service


async def test_the_numbers_after_a_known_load_are_that_load(operator: Operator, email: Service) -> None:
    """20 jobs done, one of them sent twice; 2 that fail at both attempts; 3 that are no mail; one of no known type."""
    for number in range(20):
        await operator.publisher.publish(MAIL, job_id=f"known-{number}")
    for number in range(2):
        await operator.publisher.publish(NO_SUCH_FILE, job_id=f"failing-{number}")
    for _ in range(3):
        await operator.publisher.publish_body("email.send", b"{}")
    await operator.publisher.publish_body("email.wave", b"{}")

    async def settled() -> bool:
        row = next(
            row
            for row in (await operator.run("queues", "list", "--json", "--sample", "0s")).json
            if row["service"] == "email"
        )
        return bool(row["dead"] == 6 and row["waiting"] + row["inFlight"] + row["later"] == 0)

    await eventually(settled, what="everything is done or dead")
    await operator.publisher.publish_later(MAIL, delay=timedelta(0), job_id="known-0")
    numbers = await eventually(lambda: _with_duplicate(email), what="the duplicate is counted")
    jobs = {
        outcome: numbers("nightshift_jobs_total", type="email.send", outcome=outcome)
        for outcome in ("done", "duplicate", "retry", "dead")
    }
    assert jobs == {"done": 20, "duplicate": 1, "retry": 2, "dead": 5}
    assert numbers("nightshift_retries_total", type="email.send") == 2
    dead = {
        reason: numbers("nightshift_dead_letters_total", type="email.send", reason=reason)
        for reason in ("invalid", "attempts-exhausted", "permanent")
    }
    assert dead == {"invalid": 3, "attempts-exhausted": 2, "permanent": 0}
    assert numbers("nightshift_dead_letters_total", type="unknown", reason="unknown-type") == 1
    assert numbers("nightshift_jobs_in_flight") == 0
    assert numbers("nightshift_job_duration_seconds_count", type="email.send") == 28
    assert numbers("nightshift_job_wait_seconds_count", type="email.send") == 28
    assert 0 < numbers("nightshift_job_duration_seconds_sum", type="email.send") < 60
    assert numbers("nightshift_pull_state", stream="EMAIL", state="pulling") == 1


def _with_duplicate(email: Service) -> Numbers | None:
    numbers = scrape(email)
    return numbers if numbers("nightshift_jobs_total", type="email.send", outcome="duplicate") else None


async def test_a_pause_shows_in_the_pulls_state(operator: Operator, email: Service) -> None:
    """A worker that gets nothing because somebody paused it is told from one that is stuck."""
    assert time.time() - scrape(email)("nightshift_pull_last_activity_timestamp_seconds", stream="EMAIL") < 30
    await operator.run("queues", "pause", "email")

    def state(name: str) -> bool:
        return scrape(email)("nightshift_pull_state", stream="EMAIL", state=name) == 1

    try:
        await eventually(lambda: state("paused"), what="the pull is paused")
    finally:
        await operator.run("queues", "resume", "email")
    await eventually(lambda: state("pulling"), what="the pull goes on")

"""A body too long for a message lies in the object store, and the worker fetches it before the handler sees it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nightshift.broker.jetstream import store
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.object_store import ObjectServer
from nightshift.messaging import claim_check
from nightshift.messaging.job import Job
from nightshift.outcomes import Permanent
from tests.harness import FollowProbe, RunProbe, eventually, working
from tests.integration.worker.probes import never, record

LONG = "x" * 200_000

pytestmark = pytest.mark.usefixtures("soon")


async def test_a_long_body_travels_as_an_object(broker: Broker, objects_server: ObjectServer, tmp_path: Path) -> None:
    """The message is empty but for its headers; the handler notices nothing."""
    async with working(broker, objects_server, tmp_path, {RunProbe: record}, start=False) as harness:
        await harness.publisher.publish(RunProbe(name=LONG))
        (message,) = await harness.stored("PROBE")
        assert message.body == b""
        assert message.headers["Job-Claim"].startswith("claims/")
        await harness.parts.worker.start(harness.parts.pulls)
        await harness.empty()
        assert await harness.effects() == [LONG]


async def test_a_long_follow_up_travels_as_an_object(
    broker: Broker, objects_server: ObjectServer, tmp_path: Path
) -> None:
    """Also one that goes through the outbox."""
    seen: list[str] = []

    async def run_probe(message: RunProbe, job: Job) -> None:
        job.enqueue(FollowProbe(name=message.name + LONG))

    async def follow(message: FollowProbe, _job: Job) -> None:
        seen.append(message.name)

    async with working(broker, objects_server, tmp_path, {RunProbe: run_probe, FollowProbe: follow}) as harness:
        await harness.publisher.publish(RunProbe(name="a"))
        await harness.empty()
        assert seen == ["a" + LONG]


async def test_copies_of_a_job_keep_its_claim(broker: Broker, objects_server: ObjectServer, tmp_path: Path) -> None:
    """Again later and the dead letter name the same object, which lives long enough."""
    attempts: list[int] = []

    async def run_probe(_: RunProbe, job: Job) -> None:
        attempts.append(job.attempt)
        raise LookupError if job.attempt == 1 else Permanent("no")

    async with working(broker, objects_server, tmp_path, {RunProbe: run_probe}) as harness:
        await harness.publisher.publish(RunProbe(name=LONG))
        (letter,) = await harness.dead_letters()
        assert attempts == [1, 2]
        assert letter.headers["Job-Claim"].startswith("claims/")
        assert await claim_check.fetch(harness.context.objects, letter.headers["Job-Claim"])


async def test_a_claim_that_would_lapse_is_stored_anew(
    broker: Broker, objects_server: ObjectServer, tmp_path: Path
) -> None:
    """A copy gets a claim of its own when the old one's date is nearer than 45 days from its run."""
    body = b'{"name":"long ago"}'
    old = claim_check.key_for(body, datetime.now(UTC) - timedelta(days=40))
    async with working(broker, objects_server, tmp_path, {FollowProbe: never}) as harness:
        await harness.context.objects.put(old, body, "application/json")
        await store(harness.connection, "jobs.probe.run", {"Job-Claim": old}, b"")
        (letter,) = await harness.dead_letters()
        assert letter.headers["Job-Claim"] == claim_check.key_for(body, datetime.now(UTC))
        assert await claim_check.fetch(harness.context.objects, letter.headers["Job-Claim"]) == body


async def test_a_claim_that_is_none_is_a_dead_letter(
    broker: Broker, objects_server: ObjectServer, tmp_path: Path
) -> None:
    """Another prefix, a missing object, another hash, no date: invalid, and nothing else is read."""
    now = datetime.now(UTC)
    missing = claim_check.key_for(b"nobody stored this", now)
    other = claim_check.key_for(b"something else", now)
    claims = {
        "uploads/secret.txt": "expected claims/<date>/<sha256>",
        "claims/../uploads/secret.txt": "expected claims/<date>/<sha256>",
        missing.replace(missing[7:17], "2026-13-45"): "expected claims/<date>/<sha256>",
        missing: "does not exist",
        other: "another SHA-256",
    }
    async with working(broker, objects_server, tmp_path, {RunProbe: record}) as harness:
        await harness.context.objects.put(other, b'{"name":"forged"}', "application/json")
        await harness.context.objects.put("uploads/secret.txt", b'{"name":"secret"}', "application/json")
        for number, claim in enumerate(claims):
            await store(harness.connection, "jobs.probe.run", {"Job-Id": str(number), "Job-Claim": claim}, b"")
        letters = await harness.dead_letters(len(claims))
        await harness.empty()
        assert await harness.effects() == []
        for letter in letters:
            assert letter.headers["Dead-Reason"] == "invalid"
            assert letter.headers["Dead-Error"].startswith("Job-Claim ")
            assert claims[letter.headers["Job-Claim"]] in letter.headers["Dead-Error"]


async def test_a_claim_check_waits_for_the_object_store(
    broker: Broker, objects_server: ObjectServer, tmp_path: Path
) -> None:
    """A body that lies in an object store which is away is no bad body: the job runs when the store is back."""
    body = b'{"name":"' + b"x" * 200_000 + b'"}'
    async with working(broker, objects_server, tmp_path, {RunProbe: record}, start=False) as harness:
        await harness.publisher.publish_body("probe.run", body, job_id="big")
        await objects_server.stop()
        await harness.parts.worker.start(harness.parts.pulls)
        await eventually(lambda: harness.outcomes().get("unavailable"))
        assert harness.parts.circuit.unavailable == ["objects"]
        await objects_server.start()
        await harness.empty()
        assert await harness.effects() == ["x" * 200_000]
        assert await harness.stored("PROBE_DLQ") == []

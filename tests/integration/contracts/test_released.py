"""One release apart: yesterday's workers take today's messages, and today's workers those of yesterday's publishers."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import jsonschema
import msgspec
import pytest

from nightshift.broker import Connection
from nightshift.contract import wire
from nightshift.contract.catalogue import load_catalogue
from nightshift.database import open_database
from nightshift.embedded.stack import Stack
from nightshift.messaging import outbound
from nightshift.messaging.job import Job
from nightshift.messaging.publisher import Publisher
from nightshift.observability.metrics import Metrics
from nightshift.runtime.composition import ServiceContext, compose
from nightshift.worker.policies import JobLimits
from nightshift.worker.router import Route
from tests.contract.producers import PRODUCERS
from tests.harness import connected, eventually, opened_objects, stored
from tools.contracts import released, samples, topology
from tools.contracts.released import Contracts

RELEASES = released.supported()


def _decoder(schema: dict[str, Any]) -> Callable[[bytes], Any]:
    """Decodes as a worker of that release does, which knows its own contracts and nothing else."""
    validator = jsonschema.Draft202012Validator(schema)

    def decode(body: bytes) -> Any:
        try:
            message = json.loads(body)
            validator.validate(message)
        except (ValueError, jsonschema.ValidationError) as error:
            raise msgspec.ValidationError(str(error)[:300]) from error
        return message

    return decode


async def _take(_: Any, job: Job, *, taken: list[str]) -> None:
    taken.append(job.id)


def _worker(release: Contracts, service: str, context: ServiceContext, taken: list[str]) -> Any:
    """A worker of a service, with the contracts of a release."""
    routes = {
        job_type: Route(partial(_take, taken=taken), _decoder(release.schemas[f"jobs.{job_type}"]))
        for job_type in load_catalogue().messages
        if wire.service_of(job_type) == service and f"jobs.{job_type}" in release.schemas
    }
    consumers = [one for one in topology.declared().consumers_of(service) if one.stream != "CRON"]
    return compose(context, routes, consumers, slots=10, limits=JobLimits(0, 60.0))


async def _publish_all(connection: Connection, release: Contracts) -> set[str]:
    """Publishes every valid sample that the release knows with today's publisher: its type, and what it says.

    What a contract takes today and did not take then (a wider pattern) is a dead letter for a worker of the release:
    a producer may say it when the workers are up to date.
    """
    publisher, ids = Publisher(connection), set()
    for number, sample in enumerate(samples.read()):
        schema = release.schemas.get(sample.subject)
        if not sample.valid or schema is None:
            continue
        message = msgspec.json.decode(sample.body, type=samples.class_of(sample.subject))
        if jsonschema.Draft202012Validator(schema).is_valid(json.loads(outbound.encode(message))):
            ids.add((await publisher.publish(message, job_id=f"today-{number}")).job_id)
    return ids


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
async def test_workers_of_a_release_take_todays_messages(provisioned: Stack, release: Contracts) -> None:
    """Every message that today's publisher writes is done by a worker that has the contracts of the release."""
    taken: list[str] = []
    database = open_database(f"sqlite+aiosqlite:///{provisioned.database}")
    async with connected(provisioned.broker) as connection, opened_objects(provisioned.objects) as objects:
        published = await _publish_all(connection, release)
        workers = []
        for service in sorted({wire.service_of(job_type) for job_type in load_catalogue().messages}):
            metrics = Metrics(
                [job_type for job_type in load_catalogue().messages if wire.service_of(job_type) == service]
            )
            context = ServiceContext(service, connection, database, objects, Publisher(connection, objects), metrics)
            workers.append(_worker(release, service, context, taken))
            await workers[-1].worker.start(workers[-1].pulls)
        try:
            await eventually(lambda: published <= set(taken), what="everything is taken")
            for service in {wire.service_of(job_type) for job_type in load_catalogue().messages}:
                letters = await stored(connection, f"{service.upper()}_DLQ")
                assert not [one.headers for one in letters if one.headers["Dead-Reason"] == "invalid"]
        finally:
            for parts in workers:
                await parts.worker.drain(0)
                await parts.circuit.stop()
            await database.close()


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
@pytest.mark.parametrize("provider", PRODUCERS)
def test_readers_of_a_release_understand_what_services_publish(provider: str, release: Contracts) -> None:
    """Follow-up jobs and events, bodies and headers, fit what was released."""
    for message in PRODUCERS[provider]():
        event = message.subject.startswith(wire.CRON)
        schema = release.schemas.get("cron" if event else message.subject)
        if schema is not None:
            jsonschema.validate(json.loads(message.body), schema)
            jsonschema.validate(dict(message.headers), release.headers["cron" if event else "jobs"])


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
def test_todays_workers_take_the_messages_of_a_release(release: Contracts) -> None:
    """What was right then is right now; `test_providers` has the services do them as well."""
    assert release.samples
    for sample in release.samples:
        msgspec.json.decode(sample.body, type=samples.class_of(sample.subject))


def test_the_decoder_of_a_release_refuses_what_it_did() -> None:
    """The stand-in for an old worker is none that takes anything."""
    decode = _decoder(RELEASES[-1].schemas["jobs.email.send"])
    with pytest.raises(msgspec.ValidationError, match="is a required property"):
        decode(b'{"to":"ada@example.com"}')
    with pytest.raises(msgspec.ValidationError):
        decode(b"Hi")

"""Every service, as a process, does each valid sample of its subjects and gives up on each invalid one at once."""

import json
from dataclasses import dataclass

import pytest

from contracts.sync import SyncExternal
from nightshift.config.redaction import single_line
from nightshift.contract import wire
from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.headers import kind_of
from nightshift.embedded.stack import Stack
from nightshift.messaging.publisher import Publisher
from nightshift.topology import discovery
from tests.harness import connected, eventually
from tests.integration.contracts.conftest import Running, World
from tests.integration.contracts.recorder import Published, undeclared
from tests.integration.contracts.states import arrange
from tools.contracts import released, samples
from tools.contracts.samples import Sample


@dataclass(frozen=True)
class Fed:
    """A sample, and how it is published."""

    sample: Sample
    subject: str
    job_id: str

    @property
    def key(self) -> tuple[str, str]:
        """Type and id of the job."""
        return wire.type_of(self.subject), self.job_id


def _service(subject: str) -> str:
    name = wire.type_of(subject)
    return load_catalogue().event_consumers[name.split(".")[1]] if wire.is_event(name) else wire.service_of(name)


def _samples(service: str) -> list[Fed]:
    """The samples of now and those of every release that is supported; events on both of their subjects."""
    versions = {"now": samples.read(), **{one.version: one.samples for one in released.supported()}}
    fed: dict[tuple[str, bytes], Fed] = {}
    for version, known in versions.items():
        for one in known:
            for end in ("", wire.MANUAL) if one.subject.startswith(wire.CRON) else ("",):
                if _service(one.subject) == service:
                    job_id = f"{version}-{one.subject}{end}-{one.name}".replace(".", "-")
                    fed.setdefault((one.subject + end, one.body), Fed(one, one.subject + end, job_id))
    return list(fed.values())


@pytest.mark.parametrize("service", sorted(load_catalogue().publishes))
async def test_a_service_does_what_is_valid_and_gives_up_on_what_is_not(running: Running, service: str) -> None:
    """Valid samples, also those of releases that are supported, are done; the others are dead letters at once."""
    fed = _samples(service)
    assert fed
    async with running(service) as world:
        await arrange([one.sample for one in fed], world.database, world.objects, world.outside)
        for one in fed:
            await world.publish(one.subject, one.sample.body, one.job_id)
        await _all_settled(world, fed)
        done = await world.done()
        assert {one.key for one in fed if one.sample.valid} <= done
        assert not {one.key for one in fed if not one.sample.valid} & done
        letters = _letters(world, service)
        assert letters.keys() == {one.job_id for one in fed if not one.sample.valid}
        for one in fed:
            if not one.sample.valid:
                _check_letter(letters[one.job_id], one)
        later = {one.headers[wire.JOB_ID] for one in world.recorder.on("later.")}
        assert not later & letters.keys(), "what is invalid is never tried again"
        await world.client.publish(discovery.PING, b"")
        await eventually(lambda: world.recorder.on(discovery.reply_subject(service)), what="it says that it is there")
        came = {one.sample.body for one in fed}  # who waits for another job of its account is copied as it came
        own = [one for one in world.recorder.by_service() if not (kind_of(one.subject) == "later" and one.body in came)]
        problems = [line for message in own for line in undeclared(service, message)]
        assert not problems, "\n".join(problems)
        published = {wire.type_of(one.subject) for one in world.recorder.by_service() if kind_of(one.subject) == "jobs"}
        assert published == set(load_catalogue().publishes[service]), (
            "what the contracts say that it publishes is what it does"
        )


async def _all_settled(world: World, fed: list[Fed]) -> None:
    async def settled() -> bool:
        done = await world.done()
        dead = {one.headers.get(wire.JOB_ID) for one in world.recorder.on("dead.")}
        return all(one.key in done if one.sample.valid else one.job_id in dead for one in fed)

    try:
        await eventually(settled, timeout_seconds=90)  # one may wait twice 15 s for another job of its account
    except AssertionError:
        done = await world.done()
        dead = {one.headers.get(wire.JOB_ID): one.headers.get(wire.DEAD_ERROR) for one in world.recorder.on("dead.")}
        missing = [one for one in fed if one.key not in done and one.job_id not in dead]
        wrong = {one.job_id: dead[one.job_id] for one in fed if one.sample.valid and one.job_id in dead}
        pytest.fail(f"neither done nor dead: {[one.job_id for one in missing]}; dead though valid: {wrong}")


def _letters(world: World, service: str) -> dict[str, Published]:
    letters = {one.headers[wire.JOB_ID]: one for one in world.recorder.on("dead.")}
    assert len(letters) == len(world.recorder.on("dead.")), f"{service}: one dead letter for each"
    return letters


def _check_letter(letter: Published, fed: Fed) -> None:
    """Its type's subject, the reason of the sample, the first attempt, and the body as it came."""
    assert letter.subject == wire.dead_subject(wire.type_of(fed.subject))
    assert letter.headers[wire.DEAD_REASON] == "invalid"
    assert single_line(fed.sample.reason) in letter.headers[wire.DEAD_ERROR], fed.job_id
    assert letter.headers[wire.DEAD_ATTEMPTS] == "1"
    assert letter.headers[wire.DEAD_SUBJECT] == fed.subject
    assert letter.body == fed.sample.body


async def test_the_scheduler_publishes_what_it_says(running: Running, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its events, headers included, are what the contracts declare: the body on `cron.<name>`, and nothing else."""
    timetable = tmp_path_factory.mktemp("timetable") / "timetable.toml"
    timetable.write_text('[[schedules]]\nname = "cleanup.often"\nschedule = "* * * * * *"\n')
    async with running("scheduler", SCHEDULES_FILE=str(timetable)) as world:
        await eventually(lambda: len(world.recorder.on("cron.cleanup.often")) >= 2, what="two events")
        problems = [line for message in world.recorder.messages for line in undeclared("scheduler", message)]
        assert not problems, "\n".join(problems)
        bodies = [json.loads(message.body) for message in world.recorder.on("cron.cleanup.often")]
        assert len({body["due"] for body in bodies}) == len(bodies)


async def test_jobs_that_are_stored_as_one_batch_are_what_the_contracts_declare(
    running: Running, provisioned: Stack
) -> None:
    """Whoever publishes many at the same time stores them so: the headers of a batch are declared, too."""
    async with running() as world, connected(provisioned.broker) as connection:
        accounts = [SyncExternal(user_id=f"nobody-{number}", service="github") for number in range(3)]
        await Publisher(connection).publish_many(accounts)
        await eventually(lambda: len(world.recorder.messages) == len(accounts), what="they are recorded")
        assert all(wire.BATCH_ID in message.headers for message in world.recorder.messages)
        problems = [line for message in world.recorder.messages for line in undeclared("sync", message)]
        assert not problems, "\n".join(problems)

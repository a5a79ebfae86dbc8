"""The command line beside real services: following a job, workers, the doctor, the live screen, a paused schedule."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nightshift.broker.jetstream import manage
from nightshift.embedded.services import Service
from nightshift.topology.topology import EVENTS_KEPT
from tests.harness import eventually, stored
from tests.integration.cli.desk import Desk
from tests.servers import serving

MAIL = '{"to":"ada@example.com","subject":"Hi","body":"<p>Hi</p>"}'
REFUSED = '{"to":"ada@example.com","subject":"Hi","body":"<p>Hi</p>","attachments":[{"key":"no/such","fileName":"x"}]}'


def schedules(folder: Path) -> str:
    """A settings file with a schedule that is due every second."""
    file = folder / "schedules.toml"
    file.write_text('[[schedules]]\nname="sync.often"\nschedule="* * * * * *"\nmisfire="skip"\n', encoding="utf-8")
    return str(file)


@pytest.fixture(scope="module")
async def alive(at_desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """The email service and a scheduler that has one event every second, ready."""
    file = schedules(tmp_path_factory.mktemp("schedules"))
    at_desk.environ["SCHEDULES_FILE"] = file
    extra = {"SCHEDULES_FILE": file, "MAX_RETRIES": "0"}
    services = [Service(at_desk.stack, name, extra=extra) for name in ("email", "scheduler")]
    services.append(Service(at_desk.stack, "scheduler", replica=2, extra=extra))
    async with serving(*services):
        yield at_desk


async def test_a_job_is_followed_to_its_end(alive: Desk) -> None:
    """Until its effects are committed."""
    said = await alive.run("send", "email.send", MAIL, "--wait", "--json")
    assert (said.code, said.json["ending"]["state"]) == (0, "done")


async def test_without_a_database_a_job_is_followed_at_the_broker(alive: Desk) -> None:
    """It is gone without a dead letter, and the words say how that is known."""
    said = await alive.run("send", "email.send", MAIL, "--wait", without=("DATABASE_URL",))
    assert (said.code, "done after" in said.out, "DATABASE_URL is not set" in said.out) == (0, True, True)


async def test_a_delayed_job_is_followed_too(alive: Desk) -> None:
    """It says when it will run, and then how it ended."""
    said = await alive.run("send", "email.send", MAIL, "--delay", "1s", "--wait")
    assert "scheduled: runs at" in said.out
    assert "done after" in said.out


async def test_a_dead_job_ends_with_its_reason(alive: Desk) -> None:
    """Exit code 1, and the reference to redrive it by."""
    said = await alive.run("send", "email.send", REFUSED, "--wait", "--id", "refused")
    (letter,) = (await alive.run("dlq", "list", "refused", "--json")).json
    assert said.code == 1
    assert "dead after" in said.out
    assert letter["ref"] in said.out


async def test_following_ends_after_the_time_that_was_given(alive: Desk) -> None:
    """Exit code 1; the job goes on."""
    said = await alive.run("send", "email.send", MAIL, "--delay", "1h", "--wait-for", "1s")
    assert (said.code, "no longer waiting for it" in said.out) == (1, True)


async def test_a_redriven_job_is_done_once(alive: Desk) -> None:
    """What was done already has no second effect; what failed runs again."""
    await alive.run("send", "email.send", REFUSED, "--wait", "--id", "repaired")
    said = await alive.run("dlq", "redrive", "repaired", "--yes", "--body", MAIL)
    assert said.code == 0

    async def done() -> bool:
        return bool((await alive.run("jobs", "find", "repaired", "--json")).json[0]["state"] == "done")

    await eventually(done, what="the redriven job is done")


async def test_workers_answer(alive: Desk) -> None:
    """Each process with its version, uptime, slots and what it has done; a rate when it is measured."""
    said = await alive.run("workers", "list", "--json", "--sample", "0.2s")
    rows = {row["service"]: row for row in said.json}
    assert [row["service"] for row in said.json] == ["email", "scheduler", "scheduler"]
    assert rows["email"]["slots"] == 16
    assert rows["email"]["perSecond"] == 0
    assert timedelta(0) < datetime.now(UTC) - datetime.fromisoformat(rows["email"]["started"]) < timedelta(minutes=5)
    listed = await alive.run("workers", "list", "--sample", "0s")
    assert listed.out.splitlines()[1].startswith("email")


async def test_workers_count_what_they_did(alive: Desk) -> None:
    """`queues describe` shows it by type: finished, failed, seconds."""
    await alive.run("send", "email.send", MAIL, "--wait")
    before = (await alive.run("queues", "describe", "email", "--json")).json["types"][0]
    await alive.run("send", "email.send", MAIL, "--wait")
    await alive.run("send", "email.send", REFUSED, "--wait")
    after = (await alive.run("queues", "describe", "email", "--json")).json["types"][0]
    assert (after["finished"] - before["finished"], after["failed"] - before["failed"]) == (2, 1)
    assert after["meanSeconds"] > 0


async def test_the_live_screen_shows_all_of_it_at_once(alive: Desk) -> None:
    """Without a terminal it is shown once."""
    await alive.run("send", "email.send", REFUSED, "--wait")
    said = await alive.run("top")
    for words in ("QUEUE", "email", "scheduler", "sync.often", "attempts-exhausted"):
        assert words in said.out
    assert set((await alive.run("top", "--json")).json) == {"queues", "workers", "schedules", "lastErrors"}


async def test_a_paused_schedule_is_not_announced_until_it_is_resumed(alive: Desk) -> None:
    """The scheduler obeys within a second, and goes on when it may."""

    async def events() -> int:
        return len(await stored(alive.connection, "CRON", "cron.sync.often"))

    async def some() -> bool:
        return await events() > 0

    await eventually(some, what="an event")
    await alive.run("cron", "pause", "sync.often")
    logs = [alive.stack.logs / f"{name}.log" for name in ("scheduler", "scheduler-2")]
    held_back = lambda: all("schedule_paused" in log.read_text(encoding="utf-8") for log in logs)  # noqa: E731 - one use
    await eventually(held_back, what="both schedulers hold it back")
    held = await events()
    await alive.run("queues", "list")  # it measures for a second, in which another event would be due
    assert await events() == held
    await alive.run("cron", "resume", "sync.often")

    async def more() -> bool:
        return await events() > held

    await eventually(more, what="an event after the resume")


async def test_the_doctor_says_what_is_wrong_and_how_to_fix_it(alive: Desk) -> None:
    """Exit code 1 while something is wrong: here a service without workers that has jobs, and a stream that differs."""
    await alive.run("send", "upload.process", '{"fileId":"f","userId":"u"}')
    config = (await manage(alive.connection, "STREAM.INFO.CRON"))["config"]
    await manage(alive.connection, "STREAM.UPDATE.CRON", {**config, "max_msgs_per_subject": 5})
    try:
        said = await alive.run("doctor", "--json")
    finally:
        await manage(alive.connection, "STREAM.UPDATE.CRON", config)
    wrong = {finding["found"]: finding["fix"] for finding in said.json if finding["state"] == "wrong"}
    assert said.code == 1
    assert "python -m services.upload" in wrong["no worker of upload answers; 1 job of it"]
    assert "nightshift provision" in wrong[f"stream CRON: max_msgs_per_subject is 5, declared {EVENTS_KEPT}"]


async def test_the_doctor_finds_nothing_wrong_where_nothing_is(alive: Desk) -> None:
    """Broker, topology, permissions, database, bucket and the services' own dependencies are all looked at."""
    await manage(alive.connection, "STREAM.PURGE.UPLOAD")
    said = await alive.run("doctor", "--json")
    states = {finding["check"]: finding["state"] for finding in said.json if finding["check"] != "workers"}
    assert said.code == 0
    assert {
        states[check] for check in ("broker", "topology", "permissions", "database", "objects", "dependencies")
    } == {"ok"}


async def test_the_doctor_shows_what_each_process_says_of_its_dependencies(alive: Desk) -> None:
    """A mail server that one of two workers cannot reach is wrong: which worker, why, and how many of them."""
    lost = Service(alive.stack, "email", replica=2, extra={"SMTP_PORT": "9"})
    async with serving(lost):
        said = await alive.run("doctor", "--json")
    found = [finding for finding in said.json if finding["check"] == "dependencies"]
    assert (said.code, sorted(finding["state"] for finding in found)) == (1, ["ok", "wrong"])
    (wrong,) = (finding for finding in found if finding["state"] == "wrong")
    assert re.fullmatch(r"mail server .*:9: .*refused.* \(1 of 1 process of email, such as .*:\d+\)", wrong["found"])
    assert "settings of email" in wrong["fix"]


@pytest.mark.parametrize(
    ("variable", "value", "check"),
    [
        ("DATABASE_URL", "sqlite+aiosqlite:////nowhere/at/all.db", "database"),
        ("S3_BUCKET", "another-bucket", "objects"),
    ],
)
async def test_the_doctor_finds_what_is_away(alive: Desk, variable: str, value: str, check: str) -> None:
    """Each of the surroundings, named with what to do."""
    said = await alive.run("doctor", "--json", environ={variable: value})
    (finding,) = (finding for finding in said.json if finding["check"] == check)
    assert (said.code, finding["state"], bool(finding["fix"])) == (1, "wrong", True)


async def test_the_doctor_says_what_it_could_not_look_at(alive: Desk) -> None:
    """Without addresses of database and objects these are skipped, which is no fault."""
    said = await alive.run("doctor", "--json", without=("DATABASE_URL", "S3_ENDPOINT"))
    skipped = {finding["check"] for finding in said.json if finding["state"] == "skipped"}
    assert (said.code, skipped) == (0, {"database", "objects"})


async def test_the_doctor_says_when_the_broker_is_away(alive: Desk) -> None:
    """As its first finding, in a table that names where it looked."""
    said = await alive.run("doctor", "--url", "nats://127.0.0.1:9", without=("DATABASE_URL", "S3_ENDPOINT"))
    assert (said.code, "nats://127.0.0.1:9" in said.out) == (1, True)

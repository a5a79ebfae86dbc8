"""The command line beside real services: following a job, workers, the doctor, the live screen, a paused schedule."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from nightshift.broker.jetstream import manage
from nightshift.embedded.services import Service
from nightshift.topology.discovery import Responder, WorkerInfo, describe_self
from nightshift.topology.topology import EVENTS_KEPT
from tests.harness import eventually, stored
from tests.integration.cli.harness import Operator
from tests.servers import serving

MAIL = '{"to":"ada@example.com","subject":"Hi","body":"<p>Hi</p>"}'
REFUSED = MAIL.replace("}", ',"attachments":[{"key":"reports/no-such","fileName":"x"}]}')


def schedules(folder: Path) -> str:
    """A settings file with a schedule that is due every second."""
    file = folder / "schedules.toml"
    file.write_text('[[schedules]]\nname="sync.often"\nschedule="* * * * * *"\nmisfire="skip"\n', encoding="utf-8")
    return str(file)


@pytest.fixture(scope="module")
async def alive(shared_operator: Operator, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Operator]:
    """The email service and a scheduler that has one event every second, ready."""
    file = schedules(tmp_path_factory.mktemp("schedules"))
    shared_operator.environ["SCHEDULES_FILE"] = file
    extra = {"SCHEDULES_FILE": file, "MAX_RETRIES": "0"}
    services = [Service(shared_operator.stack, name, extra=extra) for name in ("email", "scheduler")]
    services.append(Service(shared_operator.stack, "scheduler", replica=2, extra=extra))
    async with serving(*services):
        yield shared_operator


async def test_a_job_is_followed_to_its_end(alive: Operator) -> None:
    """Until its effects are committed."""
    result = await alive.run("send", "email.send", MAIL, "--wait", "--json")
    assert (result.code, result.json["ending"]["state"]) == (0, "done")


async def test_without_a_database_a_job_is_followed_at_the_broker(alive: Operator) -> None:
    """It is gone without a dead letter, and the words say how that is known."""
    result = await alive.run("send", "email.send", MAIL, "--wait", without=("DATABASE_URL",))
    assert (result.code, "done after" in result.out, "DATABASE_URL is not set" in result.out) == (0, True, True)


async def test_a_delayed_job_is_followed_too(alive: Operator) -> None:
    """It says when it will run, and then how it ended."""
    result = await alive.run("send", "email.send", MAIL, "--delay", "1s", "--wait")
    assert "scheduled: runs at" in result.out
    assert "done after" in result.out


async def test_a_dead_job_ends_with_its_reason(alive: Operator) -> None:
    """Exit code 1, and the reference to redrive it by."""
    result = await alive.run("send", "email.send", REFUSED, "--wait", "--id", "refused")
    (letter,) = (await alive.run("dlq", "list", "refused", "--json")).json
    assert result.code == 1
    assert "dead after" in result.out
    assert letter["ref"] in result.out


async def test_following_ends_after_the_time_that_was_given(alive: Operator) -> None:
    """Exit code 1; the job goes on."""
    result = await alive.run("send", "email.send", MAIL, "--delay", "1h", "--wait-for", "1s")
    assert (result.code, "no longer waiting for it" in result.out) == (1, True)


async def test_a_redriven_job_is_done_once(alive: Operator) -> None:
    """What was done already has no second effect; what failed runs again."""
    await alive.run("send", "email.send", REFUSED, "--wait", "--id", "repaired")
    result = await alive.run("dlq", "redrive", "repaired", "--yes", "--body", MAIL)
    assert result.code == 0

    async def done() -> bool:
        return bool((await alive.run("jobs", "find", "repaired", "--json")).json[0]["state"] == "done")

    await eventually(done, what="the redriven job is done")


async def test_workers_answer(alive: Operator) -> None:
    """Each process with its version, uptime, slots and what it has done; a rate when it is measured."""
    result = await alive.run("workers", "list", "--json", "--sample", "0.2s")
    rows = {row["service"]: row for row in result.json}
    assert [row["service"] for row in result.json] == ["email", "scheduler", "scheduler"]
    assert rows["email"]["slots"] == 16
    assert rows["email"]["perSecond"] == 0
    assert all(row["loopLagSeconds"] >= 0 for row in result.json)
    assert timedelta(0) < datetime.now(UTC) - datetime.fromisoformat(rows["email"]["started"]) < timedelta(minutes=5)
    listed = await alive.run("workers", "list", "--sample", "0s")
    assert listed.out.splitlines()[1].startswith("email")


async def test_workers_count_what_they_did(alive: Operator) -> None:
    """`queues describe` shows it by type: finished, failed, seconds."""
    await alive.run("send", "email.send", MAIL, "--wait")
    before = (await alive.run("queues", "describe", "email", "--json")).json["types"][0]
    await alive.run("send", "email.send", MAIL, "--wait")
    await alive.run("send", "email.send", REFUSED, "--wait")
    after = (await alive.run("queues", "describe", "email", "--json")).json["types"][0]
    assert (after["finished"] - before["finished"], after["failed"] - before["failed"]) == (2, 1)
    assert after["meanSeconds"] > 0


async def test_the_live_screen_shows_all_of_it_at_once(alive: Operator) -> None:
    """Without a terminal it is shown once."""
    await alive.run("send", "email.send", REFUSED, "--wait")
    result = await alive.run("top")
    for words in ("QUEUE", "email", "scheduler", "sync.often", "attempts-exhausted"):
        assert words in result.out
    assert set((await alive.run("top", "--json")).json) == {"queues", "workers", "schedules", "lastErrors"}


async def test_a_paused_schedule_is_not_announced_until_it_is_resumed(alive: Operator) -> None:
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


async def test_the_doctor_says_what_is_wrong_and_how_to_fix_it(alive: Operator) -> None:
    """Exit code 1 while something is wrong: here a service without workers that has jobs, and a stream that differs."""
    await alive.run("send", "upload.process", '{"fileId":"f","userId":"u"}')
    config = (await manage(alive.connection, "STREAM.INFO.CRON"))["config"]
    await manage(alive.connection, "STREAM.UPDATE.CRON", {**config, "max_msgs_per_subject": 5})
    try:
        result = await alive.run("doctor", "--json")
    finally:
        await manage(alive.connection, "STREAM.UPDATE.CRON", config)
    wrong = {finding["found"]: finding["fix"] for finding in result.json if finding["state"] == "wrong"}
    assert result.code == 1
    assert "python -m services.upload" in wrong["no worker of upload answers; 1 job of it"]
    assert "nightshift provision" in wrong[f"stream CRON: max_msgs_per_subject is 5, declared {EVENTS_KEPT}"]


async def test_the_doctor_finds_nothing_wrong_where_nothing_is(alive: Operator) -> None:
    """Broker, topology, permissions, database, bucket and the services' own dependencies are all looked at."""
    await manage(alive.connection, "STREAM.PURGE.UPLOAD")
    result = await alive.run("doctor", "--json")
    states = {finding["check"]: finding["state"] for finding in result.json if finding["check"] != "workers"}
    assert result.code == 0
    assert {
        states[check] for check in ("broker", "topology", "permissions", "database", "objects", "dependencies")
    } == {"ok"}


async def test_the_doctor_shows_what_each_process_says_of_its_dependencies(alive: Operator) -> None:
    """A mail server that one of two workers cannot reach is wrong: which worker, why, and how many of them."""
    lost = Service(alive.stack, "email", replica=2, extra={"SMTP_PORT": "9"})
    async with serving(lost):
        result = await alive.run("doctor", "--json")
    found = [finding for finding in result.json if finding["check"] == "dependencies"]
    assert (result.code, sorted(finding["state"] for finding in found)) == (1, ["ok", "wrong"])
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
async def test_the_doctor_finds_what_is_away(alive: Operator, variable: str, value: str, check: str) -> None:
    """Each of the surroundings, named with what to do."""
    result = await alive.run("doctor", "--json", environ={variable: value})
    (finding,) = (finding for finding in result.json if finding["check"] == check)
    assert (result.code, finding["state"], bool(finding["fix"])) == (1, "wrong", True)


async def test_the_doctor_says_what_it_could_not_look_at(alive: Operator) -> None:
    """Without addresses of database and objects these are skipped, which is no fault."""
    result = await alive.run(
        "doctor", "--json", without=("DATABASE_URL", "S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY")
    )
    skipped = {finding["check"] for finding in result.json if finding["state"] == "skipped"}
    assert (result.code, skipped) == (0, {"database", "objects"})


async def test_the_doctor_says_when_the_broker_is_away(alive: Operator) -> None:
    """As its first finding, in a table that names where it looked."""
    result = await alive.run(
        "doctor",
        "--url",
        "nats://127.0.0.1:9",
        without=("DATABASE_URL", "S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY"),
    )
    assert (result.code, "nats://127.0.0.1:9" in result.out) == (1, True)


async def test_the_doctor_warns_of_a_gateway_that_does_not_answer(alive: Operator) -> None:
    """Where the settings name one; whoever has none is not bothered."""
    url = alive.stack.gateway_url

    async def said() -> list[tuple[str, str]]:
        found = (await alive.run("doctor", "--json", environ={"GATEWAY_URL": url})).json
        return [(one["state"], one["found"]) for one in found if one["check"] == "gateway"]

    assert "gateway" not in {one["check"] for one in (await alive.run("doctor", "--json")).json}
    ((state, text),) = await said()
    assert (state, text.startswith(f"{url} does not answer: ")) == ("warning", True)
    async with serving(Service(alive.stack, "gateway")):
        assert await said() == [("ok", f"{url} answers")]


async def test_doctor_names_a_process_that_cannot_work(alive: Operator) -> None:
    """Each process has a password of its own: that the operator's fits says nothing about it."""
    refused = 'database: database is unavailable: password authentication failed for user "nightshift_report"'

    def describe(*reasons: str) -> WorkerInfo:
        return replace(describe_self("report", ""), not_ready=list(reasons))

    answers = [describe(refused, "objects: not checked yet")]
    await Responder(alive.connection, lambda: answers[0]).start()
    found = (await alive.run("doctor", "--json")).json
    told = {(row["state"], row["found"]) for row in found if row["check"] == "readiness"}
    where = f"(1 process of report, such as {answers[0].host}:{answers[0].pid})"
    assert told == {("wrong", f"{refused} {where}"), ("warning", f"objects: not checked yet {where}")}
    answers[0] = describe()
    assert not [row for row in (await alive.run("doctor", "--json")).json if row["check"] == "readiness"]

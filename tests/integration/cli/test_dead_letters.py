"""`nightshift dlq`: finding dead letters, showing them, sending them to work again, deleting them."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from nightshift.broker.jetstream import manage
from nightshift.config.env_settings import load
from nightshift.config.settings import Settings
from nightshift.contract import wire
from nightshift.messaging.claim_check import key_for
from nightshift.runtime.object_stores import object_store
from tests.harness import stored
from tests.integration.cli.harness import Operator

MAIL = {"to": "ada@example.com", "subject": "Hi", "body": "<p>Hi</p>"}
NOW = datetime.now(UTC)


async def bury(operator: Operator, job_id: str, *, job_type: str = "email.send", **headers: str) -> str:
    """Writes a dead letter as a worker does; returns its reference."""
    service = job_type.partition(".")[0]
    usual = {
        wire.JOB_ID: job_id,
        "Nats-Msg-Id": f"dead:{service}:{job_id}",
        wire.ATTEMPT_BASE: "3",
        wire.DEAD_REASON: "attempts-exhausted",
        wire.DEAD_ERROR: "connection refused by the mail server",
        wire.DEAD_ATTEMPTS: "4",
        wire.DEAD_TIME: NOW.isoformat().replace("+00:00", "Z"),
        "Answer-To": "somebody",
    }
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    body = given.pop("body", json.dumps(MAIL)).encode()
    stored_at = await operator.connection.jetstream().publish(
        f"dead.{job_type}",
        body,
        headers={**usual, **given, "Nats-Msg-Id": f"dead:{job_id}:{datetime.now(UTC).timestamp()}"},
    )
    return f"{service}:{stored_at.seq}"


@pytest.fixture
async def five(operator: Operator) -> list[str]:
    """Five dead letters of several types, reasons and ages."""
    old = (NOW - timedelta(days=20)).isoformat()
    return [
        await bury(operator, "one"),
        await bury(operator, "two", Dead_Reason="invalid", Dead_Error="Expected str, got int - at $.subject"),
        await bury(operator, "three", Dead_Time=old),
        await bury(operator, "four", job_type="upload.process", Dead_Reason="permanent", Dead_Error="no such picture"),
        await bury(operator, "five", job_type="cron.sync.all", Dead_Reason="unknown-type"),
    ]


@pytest.mark.parametrize("filters", [(), ("--newer", "30d")])
async def test_a_limit_keeps_the_newest_of_all_services(operator: Operator, filters: tuple[str, ...]) -> None:
    """Whatever the order in which services are looked at."""
    for job_id, job_type, days in (("new", "email.send", 0), ("old", "upload.process", 3), ("older", "sync.all", 5)):
        await bury(operator, job_id, job_type=job_type, Dead_Time=(NOW - timedelta(days=days)).isoformat())
    result = await operator.run("dlq", "list", "--limit", "2", "--json", *filters)
    assert [letter["jobId"] for letter in result.json] == ["old", "new"]


async def test_an_empty_list_is_said(operator: Operator) -> None:
    """Words for a person, an empty list for a program, exit code 0."""
    assert (await operator.run("dlq", "list")).out == "No dead letters.\n"
    assert (await operator.run("dlq", "list", "--json")).json == []


async def test_the_list_shows_what_died_of_what(operator: Operator, five: list[str]) -> None:
    """Reference, type, id, reason, attempts and error, a line each."""
    result = await operator.run("dlq", "list")
    assert result.code == 0
    line = next(line for line in result.out.splitlines() if line.startswith(five[0]))
    for word in ("email.send", "one", "attempts-exhausted", "4", "connection refused"):
        assert word in line


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ((), ["three", "one", "two", "four", "five"]),
        (("--type", "email.send"), ["three", "one", "two"]),
        (("--type", "email.*", "--newer", "1d"), ["one", "two"]),
        (("--service", "cron"), ["five"]),
        (("--reason", "permanent"), ["four"]),
        (("--error", "EXPECTED str"), ["two"]),
        (("--older", "14d"), ["three"]),
        (("one", "four"), ["one", "four"]),
        (("--limit", "2"), ["four", "five"]),
    ],
)
@pytest.mark.usefixtures("five")
async def test_a_filter_leaves_what_it_says(operator: Operator, filters: tuple[str, ...], ids: list[str]) -> None:
    """By type, service, reason, text of the error, age, id, and number."""
    result = await operator.run("dlq", "list", "--json", *filters)
    assert sorted(row["jobId"] for row in result.json) == sorted(ids)


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        (("--service", "emial"), "did you mean email?"),
        (("--service", "shop"), "there are: email, maintenance, report, "),
        (("--older", "1d", "--newer", "2h"), "nothing is between"),
    ],
)
async def test_a_filter_that_cannot_be_is_refused(operator: Operator, filters: tuple[str, ...], words: str) -> None:
    """With what may have been meant; exit code 2."""
    result = await operator.run("dlq", "list", *filters)
    assert (result.code, words in result.err) == (2, True)


async def test_a_letter_is_shown_whole(operator: Operator, five: list[str]) -> None:
    """Error, headers and the body, indented."""
    result = await operator.run("dlq", "show", five[1])
    assert "Expected str, got int" in result.out
    assert "Answer-To: somebody" in result.out
    assert '  "to": "ada@example.com"' in result.out
    (whole,) = (await operator.run("dlq", "show", five[1], "--json")).json
    assert (whole["body"], whole["headers"]["Answer-To"]) == (MAIL, "somebody")


async def test_what_somebody_typed_cannot_steer_the_terminal(operator: Operator) -> None:
    """Control characters of body and headers are shown as escapes."""
    ref = await bury(operator, "evil\x1b[2J", body="\x1b]0;owned\x07")
    for command in ("show", "list"):
        result = await operator.run("dlq", command, ref)
        assert "evil" in result.out
        assert "\x1b" not in result.out
        assert "\x07" not in result.out


async def test_a_redriven_job_keeps_its_id_and_loses_its_death(operator: Operator, five: list[str]) -> None:
    """Its own headers travel along; the broker's orders, the attempts and what it died of do not."""
    result = await operator.run("dlq", "redrive", five[0], "--yes")
    (job,) = await stored(operator.connection, "EMAIL")
    assert (result.code, "1 dead letter redriven" in result.out) == (0, True)
    assert (job.subject, json.loads(job.body)) == ("jobs.email.send", MAIL)
    assert {name for name in job.headers if name != "Nats-Msg-Id"} == {"Job-Id", "Answer-To"}
    assert job.headers["Job-Id"] == "one"
    assert job.headers["Nats-Msg-Id"].startswith("redrive:EMAIL_DLQ:")
    assert "one" not in [letter.headers["Job-Id"] for letter in await stored(operator.connection, "EMAIL_DLQ")]


async def test_what_was_named_and_is_not_there_is_not_counted(operator: Operator, five: list[str]) -> None:
    """Each is told, the others are done all the same, and the exit code says that not all was."""
    for command in (("show",), ("redrive", "--yes"), ("purge", "--yes")):
        ref = five.pop()
        result = await operator.run("dlq", *command, ref, "email:999", "nobody")
        assert result.code == 1
        assert "email:999: no such dead letter\nnobody: no such dead letter\n" in result.err
        assert "3 dead letters" not in result.out
    done = await operator.run("dlq", "redrive", five.pop(), "email:999", "--yes", "--json")
    assert (done.code, done.json) == (1, {"matched": 1, "done": 1, "missing": ["email:999"]})


@pytest.mark.usefixtures("five")
async def test_many_are_redriven_by_a_filter(operator: Operator) -> None:
    """The others stay dead."""
    result = await operator.run("dlq", "redrive", "--type", "email.send", "--error", "refused", "--yes", "--json")
    assert result.json == {"matched": 2, "done": 2, "missing": []}
    assert sorted(job.headers["Job-Id"] for job in await stored(operator.connection, "EMAIL")) == ["one", "three"]
    assert len(await stored(operator.connection, "EMAIL_DLQ")) == 1


@pytest.mark.usefixtures("five")
async def test_all_are_redriven_each_where_it_belongs(operator: Operator) -> None:
    """Jobs to their queues, an event to where events are asked for by hand."""
    assert (await operator.run("dlq", "redrive", "--all", "--yes", "--rate", "0")).code == 0
    assert [job.subject for job in await stored(operator.connection, "UPLOAD")] == ["jobs.upload.process"]
    assert [event.subject for event in await stored(operator.connection, "CRON")] == ["cron.sync.all.manual"]
    assert (await operator.run("dlq", "list", "--json")).json == []


async def test_the_rate_is_kept(operator: Operator) -> None:
    """At most so many a second."""
    for number in range(6):
        await bury(operator, f"slow-{number}")
    started = datetime.now(UTC)
    await operator.run("dlq", "redrive", "--all", "--yes", "--rate", "10")
    assert datetime.now(UTC) - started > timedelta(seconds=0.5)


async def test_an_edited_body_takes_the_old_ones_place(operator: Operator, five: list[str]) -> None:
    """It is held against its contract; the job keeps its id."""
    edited = json.dumps({**MAIL, "subject": "Corrected"})
    assert (await operator.run("dlq", "redrive", five[1], "--yes", "--body", edited)).code == 0
    (job,) = await stored(operator.connection, "EMAIL")
    assert (json.loads(job.body)["subject"], job.headers["Job-Id"]) == ("Corrected", "two")


async def test_an_edited_body_that_breaks_the_contract_is_refused(operator: Operator, five: list[str]) -> None:
    """The dead letter stays."""
    result = await operator.run("dlq", "redrive", five[1], "--yes", "--body", '{"subject":"x"}')
    assert (result.code, await stored(operator.connection, "EMAIL")) == (2, [])
    assert len(await stored(operator.connection, "EMAIL_DLQ")) == 3


async def test_a_body_is_for_one_letter(operator: Operator, five: list[str]) -> None:
    """Two letters with one body would be two jobs that say the same."""
    result = await operator.run("dlq", "redrive", *five[:2], "--yes", "--body", "{}")
    assert (result.code, "is for one dead letter, and 2 match" in result.err) == (2, True)


async def test_a_claim_is_kept_for_long_enough(operator: Operator) -> None:
    """The body that went by claim check is stored anew, for a job that runs now."""
    objects_body = json.dumps({**MAIL, "body": "x" * 200_000}).encode()
    old = key_for(objects_body, NOW - timedelta(days=20))
    objects = object_store(load(Settings, operator.environ))
    await objects.put(old, objects_body, "application/json")
    ref = await bury(operator, "claimed", body="", Job_Claim=old)
    await operator.run("dlq", "redrive", ref, "--yes")
    (job,) = await stored(operator.connection, "EMAIL")
    assert job.headers["Job-Claim"] == key_for(objects_body, datetime.now(UTC))
    assert await objects.read(job.headers["Job-Claim"], limit=10**7) == objects_body
    await objects.close()


async def test_a_full_queue_stops_a_redrive_and_loses_nothing(operator: Operator) -> None:
    """How far it came is said; what was not redriven stays a dead letter."""
    for number in range(4):
        await bury(operator, f"full-{number}")
    config = (await manage(operator.connection, "STREAM.INFO.EMAIL"))["config"]
    await manage(operator.connection, "STREAM.UPDATE.EMAIL", {**config, "max_msgs": 2})
    try:
        result = await operator.run("dlq", "redrive", "--all", "--yes")
    finally:
        await manage(operator.connection, "STREAM.UPDATE.EMAIL", config)
    assert result.code == 4
    assert "2 of 4 dead letters redriven; the others are still there" in result.err
    assert len(await stored(operator.connection, "EMAIL")) == 2
    assert len(await stored(operator.connection, "EMAIL_DLQ")) == 2


@pytest.mark.usefixtures("five")
async def test_letters_are_deleted_by_a_filter(operator: Operator) -> None:
    """The others stay."""
    result = await operator.run("dlq", "purge", "--older", "14d", "--yes")
    assert (result.code, "1 dead letter deleted" in result.out) == (0, True)
    assert len((await operator.run("dlq", "list", "--json")).json) == 4


@pytest.mark.parametrize("command", ["redrive", "purge", "show"])
async def test_nothing_selects_nothing(operator: Operator, command: str) -> None:
    """A command that would touch all of them has to be told so."""
    result = await operator.run("dlq", command)
    assert (result.code, "which dead letters?" in result.err) == (2, True)


@pytest.mark.parametrize("command", ["redrive", "purge"])
async def test_it_asks_before_it_acts(operator: Operator, five: list[str], command: str) -> None:
    """Where nobody can answer, --yes is needed; nothing happens without it."""
    result = await operator.run("dlq", command, five[0])
    assert (result.code, "add --yes" in result.err) == (2, True)
    assert len((await operator.run("dlq", "list", "--json")).json) == 5


@pytest.mark.usefixtures("five")
async def test_a_reference_that_does_not_exist_is_said(operator: Operator) -> None:
    """Exit code 1."""
    result = await operator.run("dlq", "show", "email:99999999")
    assert (result.code, result.err) == (1, "email:99999999: no such dead letter\n")

"""`nightshift send`: what it publishes, refuses, and says."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.email import SendEmail
from nightshift.housekeeping.overdue import due_at
from tests.harness import stored
from tests.integration.cli.harness import Operator

MAIL = '{"to":"ada@example.com","subject":"Hi","body":"<p>Hi</p>"}'


async def test_a_job_is_stored_as_any_producer_would_publish_it(operator: Operator) -> None:
    """Body, job id and the broker's message id are on the queue; the person reads the id and the place."""
    result = await operator.run("send", "email.send", MAIL, "--id", "welcome-17")
    (job,) = await stored(operator.connection, "EMAIL")
    assert (result.code, job.subject) == (0, "jobs.email.send")
    assert json.loads(job.body) == json.loads(MAIL)
    assert (job.headers["Job-Id"], job.headers["Nats-Msg-Id"]) == ("welcome-17", "email.send/welcome-17")
    assert "welcome-17" in result.out
    assert f"EMAIL, message {job.sequence}" in result.out


async def test_programs_read_where_it_went(operator: Operator) -> None:
    """With --json standard output is one object."""
    result = await operator.run("send", "email.send", MAIL, "--json", "--id", "for-programs")
    assert result.json == {
        "jobId": "for-programs",
        "subject": "jobs.email.send",
        "stream": "EMAIL",
        "sequence": (await stored(operator.connection, "EMAIL"))[0].sequence,
        "duplicate": False,
        "runsAt": None,
        "ending": None,
    }


async def test_the_same_id_again_is_said_to_be_a_duplicate(operator: Operator) -> None:
    """The broker drops it, and the person learns that."""
    for _ in range(2):
        result = await operator.run("send", "email.send", MAIL, "--id", "twice")
    assert "dropped this one" in result.out
    assert len(await stored(operator.connection, "EMAIL")) == 1


async def test_a_delayed_job_waits_for_its_time(operator: Operator) -> None:
    """--delay sets a schedule that the broker fires."""
    before = datetime.now(UTC)
    result = await operator.run("send", "email.send", MAIL, "--delay", "12h", "--id", "later-1")
    (job,) = await stored(operator.connection, "EMAIL_LATER")
    due = due_at(job.headers)
    assert (result.code, job.subject) == (0, "later.email.send.later-1")
    assert due is not None
    assert timedelta(0) <= due - before - timedelta(hours=12) < timedelta(seconds=20)
    assert "runs at" in result.out


async def test_a_job_for_an_instant_waits_for_it(operator: Operator) -> None:
    """--at takes RFC 3339 with its zone."""
    result = await operator.run("send", "email.send", MAIL, "--at", "2099-07-25T08:00+02:00", "--json")
    (job,) = await stored(operator.connection, "EMAIL_LATER")
    assert due_at(job.headers) == datetime(2099, 7, 25, 6, tzinfo=UTC)
    assert result.json["runsAt"] == "2099-07-25T08:00:00+02:00"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("email.sed", MAIL), "did you mean email.send?"),
        (("nothing.like.it", MAIL), "there are: email.send"),
        (("cron.cleanup.daily", "{}"), "nightshift cron run cleanup.daily"),
        (("email.send", "{"), "not JSON"),
        (("email.send", ""), "the body is empty, expected a JSON object with `to`, `subject`, `body`"),
        (("maintenance.sessions", " "), "the body is empty, expected a JSON object, at least `{}`"),
        (
            ("email.send", '{"too":"ada@example.com","subject":"Hi","body":"x"}'),
            "no field `too` at `$`; did you mean to?",
        ),
        (("email.send", '{"to":"ada","subject":"Hi","body":"x"}'), "expected one email address"),
        (("email.send", '{"to":"ada@example.com","subject":7,"body":"x"}'), "at `$.subject`"),
        (("email.send", "@no-such-file"), "cannot read no-such-file"),
        (("email.send",), "the body is missing"),
    ],
)
async def test_what_breaks_the_contract_is_not_sent(operator: Operator, arguments: tuple[str, ...], words: str) -> None:
    """The field is named, or what may have been meant; exit code 2, and the queue stays empty."""
    result = await operator.run("send", *arguments)
    assert result.code == 2
    assert words.lower() in result.err.lower()
    assert await stored(operator.connection, "EMAIL") == []


async def test_an_unknown_field_inside_a_list_is_found(operator: Operator) -> None:
    """Its place is named."""
    body = '{"to":"a@example.com","subject":"Hi","body":"x","attachments":[{"key":"a/b","filename":"c"}]}'
    result = await operator.run("send", "email.send", body)
    assert "no field `filename` at `$.attachments[0]`; did you mean fileName?" in result.err


async def test_unknown_fields_can_be_sent_on_purpose(operator: Operator) -> None:
    """A newer contract than this command line knows."""
    body = '{"to":"a@example.com","subject":"Hi","body":"x","colour":"blue"}'
    assert (await operator.run("send", "email.send", body, "--unknown-fields")).code == 0


async def test_a_file_of_bodies_is_sent_whole(operator: Operator, tmp_path: Path) -> None:
    """One job per line that is not empty, in the order of the file, with ids made of the prefix and the line."""
    file = tmp_path / "mails.jsonl"
    file.write_text("\n".join([MAIL, "", *[MAIL] * 600]), encoding="utf-8")
    result = await operator.run("send", "email.send", "--batch", str(file), "--id", "news", "--json")
    jobs = await operator.run("queues", "list", "--json", "--sample", "0s")
    assert result.json["sent"] == 601
    assert (result.json["firstJobId"], result.json["lastJobId"]) == ("news-1", "news-602")
    assert next(row for row in jobs.json if row["service"] == "email")["waiting"] == 601


async def test_sending_a_file_again_sends_what_was_missing(operator: Operator, tmp_path: Path) -> None:
    """With ids of its own each line is one job, however often the file is sent."""
    file = tmp_path / "mails.jsonl"
    file.write_text("\n".join([MAIL] * 3), encoding="utf-8")
    await operator.run("send", "email.send", "--batch", str(file), "--id", "again")
    file.write_text("\n".join([MAIL] * 5), encoding="utf-8")
    result = await operator.run("send", "email.send", "--batch", str(file), "--id", "again")
    assert "2 jobs of type email.send sent; the broker already had 3 more" in result.out
    assert len(await stored(operator.connection, "EMAIL")) == 5


async def test_one_wrong_line_keeps_the_whole_file_back(operator: Operator, tmp_path: Path) -> None:
    """Every wrong line is named by its number, and nothing was sent."""
    file = tmp_path / "mails.jsonl"
    file.write_text(f"{MAIL}\n{{}}\n{MAIL}\nnonsense", encoding="utf-8")
    result = await operator.run("send", "email.send", "--batch", str(file))
    assert result.code == 2
    assert "line 2:" in result.err
    assert "line 4:" in result.err
    assert await stored(operator.connection, "EMAIL") == []


async def test_a_file_can_be_sent_for_later(operator: Operator, tmp_path: Path) -> None:
    """Each line is a schedule of its own."""
    file = tmp_path / "mails.jsonl"
    file.write_text("\n".join([MAIL] * 3), encoding="utf-8")
    assert (await operator.run("send", "email.send", "--batch", str(file), "--delay", "1h")).code == 0
    assert len(await stored(operator.connection, "EMAIL_LATER")) == 3


async def test_a_broker_that_is_away_is_said_with_where_it_was_looked_for(operator: Operator) -> None:
    """Exit code 3, within seconds, without a traceback."""
    result = await operator.run("send", "email.send", MAIL, "--url", "nats://127.0.0.1:9")
    assert result.code == 3
    assert "broker nats://127.0.0.1:9 (--url)" in result.err


async def test_errors_are_json_for_programs(operator: Operator) -> None:
    """With --json the reason is an object on standard error, and standard output stays empty."""
    result = await operator.run("send", "email.sed", MAIL, "--json")
    assert result.out == ""
    assert json.loads(result.err)["exitCode"] == 2


async def test_a_body_that_is_longer_than_a_message_goes_by_claim_check(operator: Operator) -> None:
    """The object store is known, so the body becomes an object."""
    long = SendEmail(to="a@example.com", subject="Hi", body="x" * 200_000)
    body = json.dumps({"to": long.to, "subject": long.subject, "body": long.body})
    assert (await operator.run("send", "email.send", body)).code == 0
    (job,) = await stored(operator.connection, "EMAIL")
    assert job.headers["Job-Claim"].startswith("claims/")


async def test_a_long_body_without_an_object_store_says_what_to_do(operator: Operator) -> None:
    """Nothing is sent, exit code 2."""
    body = json.dumps({"to": "a@example.com", "subject": "Hi", "body": "x" * 200_000})
    result = await operator.run("send", "email.send", body, without=("S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY"))
    assert result.code == 2
    assert "object store" in result.err

"""What is no valid job becomes a dead letter with a reason that a person understands, and the worker goes on."""

import pytest

from nightshift.broker import BrokerRefusedError
from nightshift.broker.jetstream import store
from tests.harness import FollowProbe, RunProbe
from tests.integration.worker.conftest import Work
from tests.integration.worker.probes import GOOD, never, record, still_works


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"Hello", "malformed"),
        (b"", "the body is empty, expected a JSON object with `name`"),
        (b" \n", "the body is empty"),
        (b"\xff\xfe\x00", "the body is UTF-16"),
        (b'{"name":"\xff"}', "byte 0xff at position 9, in `name`"),
        (b"[1]", "Expected `object`, got `array`"),
        (b"null", "Expected `object`, got `null`"),
        (b"{}", "missing required field `name`"),
        (b'{"name":17}', "Expected `str`, got `int` - at `$.name`"),
        (b'{"name":"a","number":"many"}', "Expected `int`, got `str` - at `$.number`"),
        (b'{"name":"a","number":1e400}', "at `$.number`"),
        (b'{"name":"a"} and more', "trailing characters"),
        (b'{"name":"a"', "truncated"),
        (b'{"name":"' + b"x" * 500_000, "truncated"),
        (b'{"deep":' + b"[" * 500_000, "nested too deeply"),
        (b'{"name":"\\ud800"}', "truncated"),
    ],
    ids=[
        "text", "empty", "blank", "bytes", "no UTF-8", "array", "null", "missing field", "wrong type",
        "wrong type of another",
        "infinite", "trailing", "truncated", "500 KB", "500,000 deep", "half a character",
    ],
)  # fmt: skip
async def test_a_body_that_does_not_decode_is_a_dead_letter_at_once(work: Work, body: bytes, reason: str) -> None:
    """It says which field is wrong and why, and keeps the body as it came; no attempt is made."""
    async with work({RunProbe: record}) as harness:
        await store(harness.connection, "jobs.probe.run", {"Job-Id": "bad"}, body)
        (letter,) = await harness.dead_letters()
        assert letter.headers["Dead-Reason"] == "invalid"
        assert reason in letter.headers["Dead-Error"]
        assert letter.headers["Job-Id"] == "bad"
        assert letter.body == body
        await still_works(harness)
        assert harness.outcomes() == {"dead": 1, "done": 1}


async def test_a_field_that_has_a_shape_is_explained_in_words(work: Work) -> None:
    """The reason names the field and what it should look like, not the pattern."""
    body = b'{"name":"no dots","schedule":"* * * * *","timeZone":"UTC","due":"2026-01-01T00:00:00Z","announced":"x"}'
    async with work({"cron.probe.daily": never}) as harness:
        await store(harness.connection, "cron.probe.daily", {}, body)
        (letter,) = await harness.dead_letters(stream="CRON_DLQ")
        error = letter.headers["Dead-Error"]
        assert error.startswith("Expected two or more tokens of lower-case letters")
        assert error.endswith("at `$.name`")


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    ("job_type", "hint"),
    [("probe.rum", "; did you mean probe.run?"), ("probe.xyzzy", " (this service knows probe.follow, probe.run)")],
)
async def test_an_unknown_type_is_tried_again_before_it_is_a_dead_letter(work: Work, job_type: str, hint: str) -> None:
    """In a rolling deploy another replica may know it; the dead letter says what may have been meant."""
    async with work({RunProbe: record, FollowProbe: never}) as harness:
        await store(harness.connection, f"jobs.{job_type}", {"Job-Id": "new"}, b"{}")
        (letter,) = await harness.dead_letters()
        assert letter.subject == f"dead.{job_type}"
        assert letter.headers["Dead-Reason"] == "unknown-type"
        assert letter.headers["Dead-Error"].startswith(f"no handler for {job_type}")
        assert hint in letter.headers["Dead-Error"]
        assert letter.headers["Dead-Attempts"] == "4"
        await still_works(harness)


@pytest.mark.usefixtures("soon")
async def test_a_job_of_a_new_type_is_done_by_the_replica_that_knows_it(work: Work) -> None:
    """An old replica puts it back until a new one takes it."""
    async with work({FollowProbe: never}) as old:
        await store(old.connection, "jobs.probe.run", {}, GOOD)
        while not old.context.metrics._types["probe.run"].retries:
            await old.connection.flush()
        async with work({RunProbe: record}, fresh=False) as new:
            await old.parts.worker.drain(0)
            await new.empty()
            assert await new.effects() == ["good"]
            assert await new.stored("PROBE_DLQ") == []


async def test_one_megabyte_is_refused_by_the_broker(work: Work) -> None:
    """The producer is told, nothing is stored, and the connection stays."""
    async with work({RunProbe: record}) as harness:
        with pytest.raises(BrokerRefusedError, match="message size exceeds maximum"):
            await store(harness.connection, "jobs.probe.run", {}, b"x" * (1024 * 1024 - 100))
        assert await harness.stored("PROBE") == []
        await still_works(harness)

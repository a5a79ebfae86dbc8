"""Subjects and headers are whatever somebody typed: each ends right, and neither worker nor connection minds."""

import hashlib

import pytest

from nightshift.broker.headers import encode
from nightshift.broker.jetstream import store
from nightshift.messaging.job import Job
from tests.harness import RECORD, RunProbe, eventually
from tests.integration.worker.conftest import Work
from tests.integration.worker.probes import GOOD, never, record, still_works


@pytest.mark.parametrize(
    "subject",
    [
        b"jobs.probe.form\x0cfeed",
        b"jobs.probe.no-utf8-\xff\xfe",
        "jobs.probe.größe".encode(),
        b"jobs.probe.*",
        b"jobs.probe.>",
        b"jobs.probe.a.b.c.d.e.f.g",
        b"jobs.probe." + b"x" * 3_000,
    ],
)
async def test_a_subject_that_names_no_type_is_a_dead_letter_at_once(work: Work, subject: bytes) -> None:
    """No replica can ever know it; the letter's subject has a hash in the place of the type, its headers the story."""
    async with work({RunProbe: record}) as harness:
        harness.connection.send(subject, GOOD)
        await harness.connection.flush()
        (letter,) = await harness.dead_letters()
        readable = subject.decode("utf-8", "surrogateescape")
        digest = hashlib.sha256(readable.encode("utf-8", "surrogatepass")).hexdigest()
        assert letter.subject == f"dead.probe.~{digest}"
        assert letter.headers["Dead-Reason"] == "unknown-type"
        assert "names no job type" in letter.headers["Dead-Error"]
        assert letter.headers["Dead-Subject"].startswith("jobs.probe.")
        assert letter.body == GOOD
        await still_works(harness)


BROKEN_BLOCKS = {
    "no header lines": b"garbage\x00\xff\r\n\r\n",
    "no version": b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n",
    "no colon": b"NATS/1.0\r\nJob-Id one\r\n\r\n",
    "name with spaces": b"NATS/1.0\r\nJob Id: one\r\n\r\n",
    "name in bytes": b"NATS/1.0\r\n\xff\xfe: one\r\n\r\n",
}


@pytest.mark.parametrize("block", BROKEN_BLOCKS.values(), ids=BROKEN_BLOCKS)
async def test_a_broken_header_block_is_a_dead_letter_at_once(work: Work, block: bytes) -> None:
    """The reason says that the headers cannot be read; the body is kept."""
    async with work({RunProbe: record}) as harness:
        await harness.raw("jobs.probe.run", GOOD, block)
        (letter,) = await harness.dead_letters()
        assert letter.headers["Dead-Reason"] == "invalid"
        assert "headers cannot be read" in letter.headers["Dead-Error"]
        assert letter.body == GOOD
        await still_works(harness)


@pytest.mark.parametrize(
    "block",
    [
        *(f"NATS/1.0\r\nStatus: {status}\r\n\r\n".encode() for status in (100, 404, 408, 409, 503)),
        *(f"NATS/1.0 {status} Typed\r\n\r\n".encode() for status in (100, 404, 408, 409, 503)),
        b"NATS/1.0\r\nNats-Pending-Messages: 9\r\nStatus: 408\r\n\r\n",
    ],
)
async def test_a_status_that_a_producer_typed_makes_no_control_message(work: Work, block: bytes) -> None:
    """Control messages are known by their missing reply subject: this is a job like any other."""
    async with work({RunProbe: record}) as harness:
        await harness.raw("jobs.probe.run", b'{"name":"typed"}', block)
        await eventually(harness.effects)
        await still_works(harness)
        assert await harness.stored("PROBE_DLQ") == []


@pytest.mark.usefixtures("soon")
async def test_bytes_in_a_header_travel_along_unchanged(work: Work) -> None:
    """Also through a copy for later and into the dead letter; an id of such bytes is an id."""
    ids: list[str] = []

    async def run_probe(_: RunProbe, job: Job) -> None:
        ids.append(job.id)
        raise LookupError

    block = b"NATS/1.0\r\nJob-Id: \xff\xfe\r\nX-Team: \x80\x81\r\n\r\n"
    async with work({RunProbe: run_probe}) as harness:
        await harness.raw("jobs.probe.run", GOOD, block)
        (letter,) = await harness.dead_letters()
        assert encode({"Job-Id": letter.headers["Job-Id"], "X-Team": letter.headers["X-Team"]}) == block
        assert len(set(ids)) == 1


@pytest.mark.parametrize("base", ["abc", "-1", "1.5", "9" * 100, "1 2"])
async def test_an_attempt_base_that_is_no_number_is_a_dead_letter(work: Work, base: str) -> None:
    """The reason names the header and what it holds."""
    async with work({RunProbe: never}) as harness:
        await store(harness.connection, "jobs.probe.run", {"Job-Attempt-Base": base}, GOOD)
        (letter,) = await harness.dead_letters()
        assert letter.headers["Dead-Reason"] == "invalid"
        assert letter.headers["Dead-Error"].startswith(f"the header Job-Attempt-Base is '{base[:40]}")


async def test_an_attempt_base_beyond_the_retries_leaves_one_attempt(work: Work) -> None:
    """A producer may say that a job has been tried already; it is tried once at least."""

    async def run_probe(message: RunProbe, job: Job) -> None:
        job.write(RECORD, {"action": f"{message.name} {job.attempt}"})
        if message.name == "bad":
            raise LookupError

    async with work({RunProbe: run_probe}) as harness:
        for name in ("good", "bad"):
            body = f'{{"name":"{name}"}}'.encode()
            await store(harness.connection, "jobs.probe.run", {"Job-Attempt-Base": "7"}, body)
        (letter,) = await harness.dead_letters()
        await harness.empty()
        assert await harness.effects() == ["good 8"]
        assert letter.headers["Dead-Attempts"] == "8"


async def test_headers_of_a_dead_letter_typed_on_a_job_are_no_verdict(work: Work) -> None:
    """A dead letter that somebody publishes again by hand, headers and all, is a job."""
    async with work({RunProbe: record}) as harness:
        dead = {"Dead-Reason": "permanent", "Dead-Error": "of old", "Job-Id": "again"}
        await store(harness.connection, "jobs.probe.run", dead, b'{"name":"again"}')
        await harness.empty()
        assert await harness.effects() == ["again"]


async def test_orders_to_the_broker_in_any_case_are_not_copied(work: Work) -> None:
    """Copied along they would be refused, or obeyed."""
    orders = {"NATS-EXPECTED-STREAM": "PROBE", "nats-Anything": "x", "X-Team": "red"}
    async with work({RunProbe: never}) as harness:
        await store(harness.connection, "jobs.probe.run", orders, b"{}")
        (letter,) = await harness.dead_letters()
        named = {name for name in letter.headers if name.lower().startswith("nats-")}
        assert named == {"Nats-Msg-Id"}
        assert letter.headers["X-Team"] == "red"


async def test_a_job_with_more_headers_than_a_copy_has_room_for_gets_its_dead_letter(work: Work) -> None:
    """The broker takes 64 KB of headers: a copy drops foreign ones rather than never being stored."""
    async with work({RunProbe: record}) as harness:
        header = encode({"Job-Id": "laden", **{f"Foreign-{number}": "x" * 1000 for number in range(63)}})
        harness.connection.send(b"jobs.probe.run", b"no JSON", header=header)
        await harness.connection.flush()
        (letter,) = await harness.dead_letters()
        assert letter.headers["Job-Id"] == "laden"
        assert not any(name.startswith("Foreign-") for name in letter.headers)
        await still_works(harness)


LONG_HEADERS = {
    "characters of two bytes": {"X-Note": "é" * 32_500},
    "many short ones": {f"h{number}": "x" for number in range(6_500)},
}


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("headers", LONG_HEADERS.values(), ids=LONG_HEADERS)
async def test_headers_near_the_brokers_limit_stop_neither_copy_nor_dead_letter(
    work: Work, headers: dict[str, str]
) -> None:
    """The broker counts bytes: with a copy's own headers beside them it would refuse each of them, for ever."""

    async def fail(_message: RunProbe, _job: Job) -> None:
        raise RuntimeError("again " * 200)

    async with work({RunProbe: fail}) as harness:
        await store(harness.connection, "jobs.probe.run", {"Job-Id": "long", **headers}, GOOD)
        (letter,) = await harness.dead_letters()
        assert (letter.headers["Job-Id"], letter.headers["Dead-Reason"]) == ("long", "attempts-exhausted")
        assert letter.headers["Dead-Attempts"] == "4"
        assert not headers.keys() & letter.headers.keys()
        assert letter.body == GOOD

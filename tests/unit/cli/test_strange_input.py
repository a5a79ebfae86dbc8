"""Whatever is typed, read from a file, or said by whoever answers: a value, or words about what is wrong with it."""

import argparse
import base64
import json
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightshift.broker import BrokerRefusedError, Connection
from nightshift.broker.headers import encode
from nightshift.broker.message import Reply, StoredMessage
from nightshift.broker.parser import Receive
from nightshift.cli.actions.batch import _checked_lines
from nightshift.cli.actions.redrive import copy_of
from nightshift.cli.actions.send import read_body
from nightshift.cli.client.contract import check_body
from nightshift.cli.queries.dead_letters import letter_of, parse_count, references
from nightshift.cli.queries.discover_workers import running_workers
from nightshift.cli.queries.streams import message_at
from nightshift.cli.terminal import parse_time
from nightshift.cli.terminal.exit_codes import CommandError, UsageError
from nightshift.contract import wire
from nightshift.contract.catalogue import load_catalogue
from nightshift.outcomes import Unavailable

ANY = st.text(st.characters(), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
BODIES = st.one_of(
    st.binary(max_size=40),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(["to", "subject", "body", "attachments", "userId"]), JSON, max_size=4).map(
        lambda value: json.dumps(value).encode()
    ),
    st.sampled_from(
        [b"[" * 100_000, b'{"to":' * 100_000, b'{"x":' + b"[" * 100_000, b'{"to":"\\ud800"}', b"9" * 5_000]
    ),
)


def test_a_body_in_a_file_may_have_a_byte_order_mark(tmp_path: Path) -> None:
    """Editors and shells of Windows write it; JSON has none."""
    (tmp_path / "mail.json").write_bytes('\ufeff{"to":"ada@example.com"}'.encode())
    assert read_body(f"@{tmp_path / 'mail.json'}") == b'{"to":"ada@example.com"}'


@given(text=ANY | st.from_regex(r"(\d{1,400}(\.\d{1,9})?(ms|w|d|h|m|s)){1,3}", fullmatch=True))
def test_any_text_is_a_span_or_an_error_in_words(text: str) -> None:
    """`--delay`, `--sample`, `--wait-for`: finite and not negative."""
    try:
        span = parse_time.parse_duration(text)
    except argparse.ArgumentTypeError as error:
        told = str(error)
    else:
        assert timedelta() <= span <= timedelta.max
        return
    assert "is not a span of time" in told or "is too long" in told


@given(text=ANY | st.datetimes().map(str), zone=st.sampled_from(["", "Z", "+23:59", "-23:59", "+00:00:00.000001"]))
def test_any_text_is_an_instant_or_an_error_in_words(text: str, zone: str) -> None:
    """`--at`: an instant that exists in UTC as well."""
    try:
        at = parse_time.parse_instant(text + zone)
    except argparse.ArgumentTypeError as error:
        told = str(error)
    else:
        assert at.astimezone(UTC).tzinfo is UTC
        return
    assert "is not an instant" in told or "has no time zone" in told


@pytest.mark.parametrize("unknown_fields", [True, False])
@given(job_type=st.sampled_from(sorted(load_catalogue().messages)), body=BODIES)
@settings(max_examples=150)
def test_any_body_is_a_message_or_wrong_use(job_type: str, body: bytes, unknown_fields: bool) -> None:  # noqa: FBT001 - a case
    """Of `send`, and an edited one of `dlq redrive`: the error names the type."""
    try:
        message = check_body(load_catalogue().messages, job_type, body, unknown_fields=unknown_fields)
    except UsageError as wrong:
        told = str(wrong)
    else:
        assert msgspec.json.decode(msgspec.json.encode(message), type=type(message)) == message
        return
    assert told.startswith(f"{job_type}: ")


@given(lines=st.lists(BODIES.map(lambda body: body.replace(b"\n", b" ")[:2_000]), max_size=5))
@settings(max_examples=60)
def test_any_batch_is_messages_or_an_error_that_numbers_the_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    """Nothing is sent of a file with a wrong line."""
    file = tmp_path_factory.getbasetemp() / "batch.jsonl"
    file.write_bytes(b"\n".join([*lines, b"not JSON"]))
    options = argparse.Namespace(batch=str(file), unknown_fields=False, id=None)
    with pytest.raises(UsageError, match=f"line {len(lines) + 1}: email.send: ") as caught:
        _checked_lines(load_catalogue().messages, options, "email.send")
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("name", ["/", "/no/such", "x" * 5_000, "a\0b", "\udc80"])
def test_a_file_that_cannot_be_read_is_wrong_use(name: str) -> None:
    """A batch, and a body from a file."""
    with pytest.raises(UsageError, match="cannot read"):
        _checked_lines(
            load_catalogue().messages, argparse.Namespace(batch=name, unknown_fields=False, id=None), "email.send"
        )
    with pytest.raises(UsageError, match="cannot read"):
        read_body(f"@{name}")


NAMES = st.sampled_from(
    [wire.JOB_ID, wire.DEAD_REASON, wire.DEAD_TIME, wire.DEAD_ATTEMPTS, wire.ATTEMPT_BASE, wire.CLAIM]
)
VALUES = st.one_of(
    st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=20),
    st.just("\udc80"),  # what decoding makes of a byte that is no UTF-8
    st.sampled_from(["9" * 5_000, "\u0663", "\u00b2", "-1", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]),
)


@given(headers=st.dictionaries(NAMES, VALUES), body=BODIES, edited=st.none() | BODIES)
def test_any_dead_letter_can_be_read_and_sent_again(headers: dict[str, str], body: bytes, edited: bytes | None) -> None:
    """Its facts are shown whatever its headers say, and its copy has a subject, an id and a body."""
    message = StoredMessage("EMAIL_DLQ", "dead.email.send", 12, 1_000, body, encode(headers))
    letter = letter_of(message, "email")
    assert letter.attempts >= 0
    assert letter.died.utcoffset() == timedelta()
    copy = copy_of(letter, edited)
    assert copy.subject == "jobs.email.send"
    assert copy.headers[wire.JOB_ID]
    assert copy.body == (body if edited is None else edited)


@given(texts=st.lists(ANY | st.from_regex(r"[a-z]{1,6}:\d{1,30}"), max_size=3))
def test_any_text_names_a_letter_or_a_job(texts: list[str]) -> None:
    """A reference such as `email:12`, or else an id."""
    refs, ids = references(texts, ["email"])
    assert len(refs) + len(ids) == len(texts)


@given(text=ANY | st.integers().map(str))
def test_any_count_is_a_number(text: str) -> None:
    """A header's."""
    assert 0 <= parse_count(text) < 10**16


class Room:
    """A broker on which somebody answers with any bytes."""

    def __init__(self, bodies: list[bytes]) -> None:
        self.api = "$JS.API"
        self._bodies = bodies
        self._receive: Receive | None = None

    async def ask(self, *_arguments: Any, **_options: Any) -> Reply:
        """The first of them."""
        return Reply({}, self._bodies[0])

    async def listen(self, _subject: str, receive: Receive) -> int:
        """Remembers who listens."""
        self._receive = receive
        return 1

    def send(self, *_arguments: Any) -> None:
        """All answer."""
        assert self._receive
        for body in self._bodies:
            self._receive(b"workers.here.email", b"", b"", body)

    async def answers(self, _timeout_seconds: float) -> bool:
        """Always."""
        return True

    async def unlisten(self, _sid: int) -> None:
        """Nothing."""


PRESENT = {"service": "email", "version": "1", "host": "a", "pid": 1, "started": "2026-07-24T09:41:00Z", "health": ""}
ANSWERS = st.dictionaries(st.sampled_from([*PRESENT, "types", "slots"]), JSON, max_size=3).map(
    lambda changes: json.dumps(PRESENT | changes).encode()
)


@given(bodies=st.lists(BODIES | ANSWERS | st.just(b'{"types":{"a":' + b"[" * 100_000), min_size=1, max_size=20))
@settings(max_examples=15)
async def test_whoever_answers_the_roll_call_does_not_disturb_it(bodies: list[bytes]) -> None:
    """What is no worker's answer is not counted; of those that are, each can be shown: it started at an instant."""
    room = Room([*bodies, json.dumps(PRESENT | {"host": "right"}).encode()])
    found = await running_workers(cast("Connection", room))
    assert "right" in {worker.host for worker in found}
    assert all(worker.started.utcoffset() is not None for worker in found)


MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "subject": st.just("jobs.email.send") | JSON,
        "hdrs": st.binary(max_size=20).map(lambda raw: base64.b64encode(raw).decode()) | JSON,
        "data": JSON,
        "time": st.just("2026-07-24T09:41:00.123456789Z") | JSON,
    },
)


@given(message=MESSAGES | JSON)
@settings(max_examples=100)
async def test_any_answer_about_a_message_is_one_or_a_known_failure(message: object) -> None:
    """`STREAM.MSG.GET`."""
    room = Room([json.dumps({"message": message}).encode()])
    try:
        found = await message_at(cast("Connection", room), "EMAIL_DLQ", 12)
    except (Unavailable, BrokerRefusedError, CommandError):
        return
    assert isinstance(found, StoredMessage)

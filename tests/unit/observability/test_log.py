"""Logging: a line per record, for machines or for people, that nothing can break and no secret gets into."""

import asyncio
import io
import json
import logging
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.config import redaction
from nightshift.config.secret import Secret
from nightshift.observability import log
from nightshift.observability.job_log import JobEnds
from nightshift.observability.log_format import fields_of, json_line, text_line
from nightshift.observability.sanitize import clean_fields


class Screen(io.TextIOWrapper):
    """A stream that remembers what was written, and may claim to be a terminal."""

    def __init__(self, *, terminal: bool = False) -> None:
        self.written = io.BytesIO()
        super().__init__(self.written, encoding="ascii")
        self._terminal = terminal

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._terminal

    @property
    def text(self) -> str:
        """Everything written so far."""
        return self.written.getvalue().decode()

    @property
    def records(self) -> list[dict[str, Any]]:
        """Everything written so far, as JSON lines."""
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture(autouse=True)
def logging_as_before(monkeypatch: pytest.MonkeyPatch, process_secrets: redaction.Redactor) -> Iterator[None]:
    """Each test configures logging anew and leaves it as it was."""
    del process_secrets
    root, ours = logging.getLogger(), logging.getLogger("nightshift")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    monkeypatch.setattr(log, "_output", None)


def test_a_record_has_an_event_for_machines_and_a_sentence_for_people() -> None:
    """The JSON line starts with time, level, service, event and message; fields follow."""
    screen = Screen()
    log.configure("email", "json", "info", screen)
    log.get_logger("nightshift.worker.pull").info("pull_started", "Pulling from EMAIL.", stream="EMAIL", batch=100)
    (record,) = screen.records
    assert list(record) == ["timestamp", "level", "service", "event", "message", "logger", "stream", "batch"]
    assert datetime.fromisoformat(record.pop("timestamp")) - datetime.now(UTC) < timedelta(seconds=10)
    assert record == {
        "level": "info",
        "service": "email",
        "event": "pull_started",
        "message": "Pulling from EMAIL.",
        "logger": "nightshift.worker.pull",
        "stream": "EMAIL",
        "batch": 100,
    }


def test_timestamps_are_rfc_3339_in_utc_with_milliseconds() -> None:
    """Every line sorts and parses alike, on the full second too."""
    screen = Screen()
    log.configure("email", "json", "info", screen)
    record = logging.makeLogRecord({"created": 1_795_511_193.0, "name": "x", "levelno": 40, "levelname": "ERROR"})
    logging.getLogger().handle(record)
    assert screen.records[0]["timestamp"] == "2026-11-24T09:06:33.000Z"


def test_an_unexpected_exception_brings_its_traceback() -> None:
    """Type, message and traceback are fields of the one line."""
    screen = Screen()
    log.configure("email", "json", "info", screen)
    try:
        raise ValueError("no password=hunter2 here")  # noqa: TRY301 - there must be one to log
    except ValueError:
        log.get_logger("x").exception("job_crashed", "The handler failed.", job_id="7")
    (record,) = screen.records
    assert (record["level"], record["error_type"]) == ("error", "ValueError")
    assert record["error"] == "ValueError: no password=*** here"
    assert record["traceback"].startswith("Traceback (most recent call last):\n")
    assert "hunter2" not in screen.text


def test_an_expected_exception_is_a_field_without_traceback() -> None:
    """`error=…` says what happened and no more."""
    screen = Screen()
    log.configure("email", "json", "info", screen)
    log.get_logger("x").error("broker_away", "The broker is away.", error=OSError(111, "refused"))
    (record,) = screen.records
    assert record["error"] == "ConnectionRefusedError: [Errno 111] refused"
    assert "traceback" not in record


def test_libraries_are_heard_from_warnings_on() -> None:
    """Their records go the same way; their chatter does not, whatever our level."""
    screen = Screen()
    log.configure("email", "json", "debug", screen)
    logging.getLogger("nats").info("chatter")
    logging.getLogger("nats").warning("slow %s, %d ms", "consumer", 20)
    wrong = {"name": "nats", "msg": "wrong %d", "args": ("format",)}
    logging.getLogger().handlers[-1].handle(logging.makeLogRecord(wrong))  # pytest's own handler would raise
    log.get_logger("x").debug("detail", "Ours is heard.")
    messages = [record["message"] for record in screen.records]
    assert messages == ["slow consumer, 20 ms", "wrong %d ('format',)", "Ours is heard."]
    assert screen.records[0]["logger"] == "nats"


def _ended(error: str | None = None) -> JobEnds:
    return JobEnds("email.send", 1, "x", error, ids=["1"], milliseconds=[1.0], traces=[None])


def test_the_level_holds_for_job_lines_too() -> None:
    """With level warning, only what went wrong is told."""
    screen = Screen()
    log.configure("email", "json", "warning", screen)
    log.get_logger("x").info("quiet", "Not told.")
    for error in (None, "no luck"):
        log.job_lines(_ended(error))
    assert [record["success"] for record in screen.records] == [False]


def test_records_come_after_the_job_lines_before_them() -> None:
    """Lines stay in the order of what happened though job lines are gathered."""
    screen = Screen()
    log.configure("email", "json", "info", screen)

    async def work() -> None:
        log.job_lines(_ended())
        log.get_logger("x").info("after", "After the job.")

    asyncio.run(work())
    assert [record["event"] for record in screen.records] == ["job", "after"]


def test_configuring_again_replaces_the_output() -> None:
    """No line is written twice."""
    first, second = Screen(), Screen()
    log.configure("email", "json", "info", first)
    log.configure("email", "json", "info", second)
    log.get_logger("x").info("once", "Once.")
    assert (len(first.text.splitlines()), len(second.text.splitlines())) == (0, 1)


@pytest.mark.parametrize("method", ["write", "flush"])
def test_a_broken_stream_does_not_fell_the_process(
    method: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A reader that goes away (`| head`) costs lines, not jobs, and nothing is said about each."""

    def broken(*_: object) -> None:
        raise BrokenPipeError

    screen = Screen()
    monkeypatch.setattr(screen.buffer if method == "write" else screen, method, broken, raising=False)
    log.configure("email", "json", "info", screen)
    log.get_logger("x").info("lost", "Nobody reads this.")
    log.job_lines(_ended())
    assert capsys.readouterr().err == ""


def test_before_configure_a_job_line_is_dropped() -> None:
    """Handlers can be run in tests without any set-up."""
    log.job_lines(_ended())


@pytest.mark.parametrize(
    ("format_", "terminal", "environ", "text", "coloured"),
    [
        ("auto", True, {}, True, True),
        ("auto", True, {"NO_COLOR": "1"}, True, False),
        ("auto", True, {"TERM": "dumb"}, True, False),
        ("auto", False, {}, False, False),
        ("text", False, {}, True, False),
        ("json", True, {}, False, False),
    ],
)
def test_the_form_suits_the_reader(
    format_: Any, *, terminal: bool, environ: dict[str, str], text: bool, coloured: bool
) -> None:
    """People at a terminal get text, with colours if they like; everything else gets JSON unless told otherwise."""
    screen = Screen(terminal=terminal)
    log.configure("email", format_, "info", screen, environ)
    log.get_logger("x").info("started", "Started.")
    assert screen.text.startswith("{") != text
    assert ("\x1b[" in screen.text) == coloured


def test_text_is_one_readable_line() -> None:
    """Time, level, service, sentence, then what is worth knowing besides."""
    screen = Screen()
    log.configure("email", "text", "info", screen)
    log.get_logger("x").warning("slow", "It is slow.\n09:00:00 fake line", seconds=3, to="a b", empty="")
    (line,) = screen.text.splitlines()
    assert line[12:] == r" WARNING email: It is slow.\n09:00:00 fake line seconds=3 to='a b' empty=''"


def test_text_shows_a_traceback_below_its_line() -> None:
    """Indented, so that lines of logs can be told from it."""
    line = {"timestamp": "2026-11-24T09:06:33.000Z", "level": "error", "service": "a", "message": "m"}
    text = text_line(line | {"traceback": "Traceback\n  bad\x1b[31m\n"}, coloured=False).decode()
    assert text == "09:06:33.000 ERROR   a: m\n    Traceback\n      bad\\x1b[31m\n"


ANYTHING = st.none() | st.text() | st.integers() | st.floats() | st.binary() | st.lists(st.text(), max_size=3)


@given(st.dictionaries(st.text(), ANYTHING, max_size=4))
def test_no_field_breaks_a_line(fields: dict[str, Any]) -> None:
    """Whatever is in it, a record is one line of printable text, and its JSON parses."""
    record = logging.makeLogRecord(
        {"msg": str(fields), "event": "x", "fields": fields, "levelname": "INFO", "name": "x"}
    )
    line = fields_of(record, "email")
    encoded = json_line(line).decode()
    assert encoded.endswith("}\n")
    assert len(encoded.splitlines()) == 1
    assert json.loads(encoded)["service"] == "email"
    text = text_line(line | {"traceback": ""}, coloured=False).decode()
    assert text.endswith("\n")
    assert not [character for character in text[:-1] if unicodedata.category(character) in {"Cc", "Zl", "Zp"}]


class Silent:
    """An object that cannot be printed."""

    def __str__(self) -> str:
        raise RuntimeError


class Colour(str, Enum):  # noqa: UP042 - the older form, which a library may hand us
    """An enumeration of texts."""

    RED = "red"


def test_any_value_can_be_logged() -> None:
    """A log field is never the reason for an exception."""
    values = {
        "secret": Secret("swordfish"),
        "smtp_password": "hunter2",
        "token_count": 5,
        "bytes": b"a\xff",
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "after": timedelta(minutes=1),
        "silent": Silent(),
        "surrogate": "\udc80",
        "colour": Colour.RED,
        "nested": {"url": "nats://u:p@h", 1: {2}},
        "huge": 2**70,
    }
    assert json.loads(json_line(clean_fields(values))) == {
        "secret": "***",
        "smtp_password": "***",
        "token_count": 5,
        "bytes": "a\\xff",
        "at": "2026-01-01T00:00:00+00:00",
        "after": 60.0,
        "silent": "<Silent that cannot be printed>",
        "surrogate": "\\udc80",
        "colour": "red",
        "nested": {"url": "nats://***@h", "1": [2]},
        "huge": 2**70,
    }


def test_a_structure_that_contains_itself_ends() -> None:
    """Depth and length of a field are bounded."""
    loop: list[Any] = []
    loop.append(loop)
    assert len(json_line(clean_fields({"loop": loop, "long": "x" * 1_000_000}))) < 20_000


def test_a_field_cannot_replace_what_every_line_has() -> None:
    """A field named like one of the line's own gets another name."""
    screen = Screen()
    log.configure("email", "json", "info", screen)
    log.get_logger("x").info("a", "b", service="fake", level="fake")
    (record,) = screen.records
    assert (record["service"], record["service_"]) == ("email", "fake")
    assert (record["level"], record["level_"]) == ("info", "fake")

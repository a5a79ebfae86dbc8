"""JSON Schema and decoder accept and refuse the same bodies; where no schema can say something, it is said in words."""

import json
import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema
import jsonschema.validators
import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contracts.email import SendEmail
from contracts.maintenance import CleanFiles
from nightshift.contract.constraints import empty_body_error, explain
from nightshift.contract.cron import ScheduleFired
from nightshift.contract.message import Message
from nightshift.documents.schemas import BEYOND_PATTERN, REAL_DAY, TEXT, WHOLE_NUMBER, beyond
from tests.contract.bodies import bodies, edges
from tools.contracts import samples
from tools.contracts.generate import FOLDER
from tools.contracts.schemas import messages, subject_of

SAMPLES = samples.read()
NAMES = list(messages())
EXAMPLES = 500 if os.environ.get("CI") else 80
"""For each message: thousands in all where time is no matter."""


@cache
def _schema(name: str) -> dict[str, Any]:
    """The schema as it is committed, not as it would be generated: that is what others use."""
    schema: dict[str, Any] = json.loads((FOLDER / "schemas" / f"{subject_of(name)}.json").read_bytes())
    return schema


def _pattern(_validator: Any, pattern: str, text: Any, _schema: Any) -> Iterator[jsonschema.ValidationError]:
    """Read `$` as ECMAScript does, and the JSON Schema standard with it: the very end."""
    if isinstance(text, str) and not re.search(re.sub(r"\$\Z", r"\\Z", pattern), text):
        yield jsonschema.ValidationError(f"{text!r} does not match {pattern!r}")


_Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]


@cache
def _validator(name: str) -> Any:
    _Validator.check_schema(_schema(name))
    return _Validator(_schema(name))


def _is_beyond(name: str, refusal: str) -> bool:
    """Whether the decoder says what a portable pattern cannot, and the schema says it in words."""
    _, expected, words = refusal.partition("Expected ")
    sentence = f"{BEYOND_PATTERN}{words.rpartition(' - at `')[0]}."
    return bool(expected) and json.dumps(sentence, ensure_ascii=False)[1:-1] in json.dumps(
        _schema(name), ensure_ascii=False
    )


def _alike(name: str, refusal: str, *, fits: bool) -> bool:
    """Whether schema and decoder agree, but for what no portable pattern can say."""
    return fits == (not refusal) or (fits and _is_beyond(name, refusal))


@cache
def _decoder(cls: type[Message]) -> msgspec.json.Decoder[Message]:
    return msgspec.json.Decoder(cls)


def _refusal(name: str, body: bytes) -> str:
    """Why the decoder does not take a body; empty when it does."""
    try:
        _decoder(messages()[name]).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return explain(error) if body.strip() else empty_body_error(messages()[name])
    return ""


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.subject}:{sample.name}")
def test_samples_are_what_they_say(sample: samples.Sample) -> None:
    """Schema and decoder take the valid ones and refuse the others, the decoder with the reason that is given."""
    name = next(name for name in NAMES if samples.of_message(name, [sample]))
    refusal = _refusal(name, sample.body)
    assert bool(refusal) == bool(sample.reason)
    assert sample.reason in refusal
    try:
        fits = _validator(name).is_valid(sample.value())
    except json.JSONDecodeError:
        fits = False
    assert _alike(name, refusal, fits=fits)


@pytest.mark.parametrize("name", NAMES)
def test_every_edge_is_judged_alike(name: str) -> None:
    """Each field of each example in turn at its limits, beyond them, of another type, and left out."""
    tried = 0
    for body in edges(_schema(name)):
        refusal = _refusal(name, json.dumps(body, ensure_ascii=False).encode())
        fits = _validator(name).is_valid(body)
        assert _alike(name, refusal, fits=fits), f"{str(body)[:300]}: {refusal or 'taken'}"
        tried += 1
    assert tried >= 15


@pytest.mark.parametrize("name", NAMES)
def test_bodies_made_from_the_schema_are_judged_alike(name: str) -> None:
    """Whatever is made from the schema and around its edges, both take it or both refuse it."""
    judged = {True: 0, False: 0}

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(bodies(_schema(name)))
    @example(_schema(name)["examples"][0])  # so that chance cannot leave out the right ones
    def judge(body: Any) -> None:
        refusal = _refusal(name, json.dumps(body, ensure_ascii=False).encode())
        fits = _validator(name).is_valid(body)
        judged[fits] += 1
        said = f"schema {'takes' if fits else 'refuses'}, decoder says {refusal or 'yes'}"
        assert _alike(name, refusal, fits=fits), said

    judge()
    assert min(judged.values()) >= 1, f"both kinds must be tried: {judged}"


@pytest.mark.parametrize("name", NAMES)
@given(body=st.binary(max_size=20) | st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_what_is_no_json_is_refused(name: str, body: bytes) -> None:
    """Bytes that no JSON parser reads are refused by the decoder as well."""
    try:
        json.loads(body)
    except ValueError:
        assert _refusal(name, body)


@pytest.mark.parametrize(("field", "size"), [("body", 1_000_000), ("text", 1_000_000), ("subject", 500)])
@pytest.mark.parametrize("more", [0, 1])
def test_long_texts_are_judged_alike(field: str, size: int, more: int) -> None:
    """At a limit and one character beyond it."""
    body = {"to": "ada@example.com", "subject": "Hi", "body": "Hi", field: "é" * (size + more)}
    assert _validator("email.send").is_valid(body) == (not _refusal("email.send", json.dumps(body).encode()))
    assert _validator("email.send").is_valid(body) == (more == 0)


MAIL = '"to":"a@b.cc","subject":"a","body":"b"'
DEEP = "[" * 100_000 + "]" * 100_000
DAY = '{"name":"a.b","schedule":"x","timeZone":"UTC","due":"2026-02-30T00:00:00Z","announced":"2026-01-01T00:00:00Z"}'
KNOWN_DIFFERENCES = [
    (SendEmail, TEXT, "half of a surrogate pair", '{"to":"a@b.cc","subject":"\\ud800","body":"b"}'),
    (SendEmail, TEXT, "named twice", f'{{"body":7,{MAIL}}}'),
    # From 3.14 on the interpreter measures its stack and does not count calls: a body this deep is ignored there.
    *([(SendEmail, TEXT, "500 levels deep", f'{{"x":{DEEP},{MAIL}}}')] if sys.version_info < (3, 14) else []),
    (CleanFiles, WHOLE_NUMBER, "without fraction", '{"olderThanDays":7.0}'),
    (CleanFiles, WHOLE_NUMBER, "exponent", '{"olderThanDays":7e0}'),
    (ScheduleFired, REAL_DAY, "30th of February", DAY),
]


@pytest.mark.parametrize(
    ("cls", "sentence", "words", "body"), KNOWN_DIFFERENCES, ids=[one[2] for one in KNOWN_DIFFERENCES]
)
def test_what_no_schema_can_say_is_said_in_words(cls: type[Message], sentence: str, words: str, body: str) -> None:
    """The schema takes it, the decoder does not, and the schema's description says so."""
    name = next(name for name, known in messages().items() if known is cls)
    # Python's own parser stops there as well; to a schema an unknown field is all the same.
    assert _validator(name).is_valid(json.loads(body.replace(DEEP, "[]")))
    assert _refusal(name, body.encode())
    assert words in sentence
    assert sentence in _schema(name)["description"]


def test_the_known_differences_are_all_that_is_said() -> None:
    """Every sentence about what lies beyond a schema has a case above."""
    said = {sentence for name in NAMES for sentence in beyond(_schema(name))}
    assert said == {sentence for _, sentence, _, _ in KNOWN_DIFFERENCES}


@pytest.mark.parametrize("depth", [100, 500])
def test_five_hundred_levels_are_read(depth: int) -> None:
    """What the description promises is taken, in a field that nobody knows."""
    assert not _refusal("email.send", b'{%s,"x":%s}' % (MAIL.encode(), b"[" * depth + b"]" * depth))

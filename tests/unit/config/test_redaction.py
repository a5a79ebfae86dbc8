"""Secrets never leave in text: known values, and what looks like one."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.config import redaction
from nightshift.config.redaction import Redactor, single_line

PLAIN = st.text(st.characters(exclude_characters="*", codec="utf-8"))
SECRETS = st.text(st.characters(exclude_characters="*", codec="utf-8"), min_size=8, max_size=40)


pytestmark = pytest.mark.usefixtures("process_secrets")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cannot reach nats://user:p@ss@host:4222/x", "cannot reach nats://***@host:4222/x"),
        ("postgresql+asyncpg://u:p%40w@db/n?ssl=1", "postgresql+asyncpg://***@db/n?ssl=1"),
        ("https://ghp_token@example.com", "https://***@example.com"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: ***"),
        ("authorization=Basic dXNlcjpwYXNz", "authorization=***"),
        ("{'Authorization': 'Bearer abc', 'Accept': '*/*'}", "{'Authorization': '***', 'Accept': '*/*'}"),
        ('{"authorization":"Digest x=1, y=2","a":1}', '{"authorization":"***","a":1}'),
        ("AWS said: Authorization: AWS4 Credential=a, Signature=b\nnext", "AWS said: Authorization: ***\nnext"),
        ("with bearer abc123 there", "with bearer *** there"),
        ("password=hunter2 user=me", "password=*** user=me"),
        ("smtp_password: 'two words' rest", "smtp_password: *** rest"),
        ('{"api_key": "re_123", "to": "a"}', '{"api_key": ***, "to": "a"}'),
        ("?X-Amz-Credential=AK%2F1&X-Amz-Signature=abc&x=1", "?X-Amz-Credential=***&X-Amz-Signature=***&x=1"),
        ("AWS_SECRET_ACCESS_KEY=wJalr/K7", "AWS_SECRET_ACCESS_KEY=***"),
        ("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY----- after", "*** after"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII (cut off", "***"),
        ("seed SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY!", "seed ***!"),
    ],
)
def test_shapes_of_secrets_are_hidden(text: str, expected: str) -> None:
    """What looks like a credential is one."""
    assert Redactor().clean(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8333/bucket/claims/2026-01-01/abc",
        "key=uploads/1.jpg not found",
        "to user@example.com: 550 no such user",
        "EMAIL:17:1795511193123456789",
        "cleanup.daily@2026-11-24T00:00:00Z",
        "expected `int`, got `str` - at `$.passes`",
        "C:\\Users\\me // comment",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    """Addresses, keys, ids and people are what an operator has to see."""
    assert Redactor().clean(text) == text


@given(before=PLAIN, after=PLAIN, secrets=st.lists(SECRETS, min_size=1, max_size=4))
def test_a_known_secret_never_comes_out(before: str, after: str, secrets: list[str]) -> None:
    """Whatever stands around it, in whatever form it is usually written."""
    redactor = Redactor()
    for secret in secrets:
        redactor.protect(secret)
    for secret in (secret for secret in secrets if secret in redactor.known):
        for form in (secret, quote(secret, safe=""), json.dumps(secret), repr(secret)):
            assert secret not in redactor.clean(before + form + after)
        assert secret not in redactor.clean(json.dumps({"text": before + secret + after}))


@given(text=PLAIN)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    """What was hidden stays as it is on its way through further layers."""
    once = Redactor().clean(text)
    assert Redactor().clean(once) == once


@given(text=st.text(st.sampled_from("abAUTHORIZATIONpassword=:'\" /@*.SU\n")), secret=SECRETS)
def test_the_quick_look_misses_nothing(text: str, secret: str) -> None:
    """Text that cleaning would change is never waved through."""
    redactor = Redactor()
    redactor.protect(secret)
    for candidate in (text, text + secret):
        if redactor.clean(candidate) != candidate:
            assert redactor.may_hold_secret(candidate)


def test_a_short_secret_does_not_shred_the_log() -> None:
    """A password like `test` is hidden by shape only: it is also an ordinary word."""
    redactor = Redactor()
    redactor.protect("test")
    assert redactor.clean("test ran, password=test") == "test ran, password=***"


def test_the_path_of_a_local_database_stays_readable() -> None:
    """A file's path is no secret, though the variable that holds it is one."""
    redactor = Redactor()
    redactor.protect("sqlite+aiosqlite:////var/lib/nightshift.db")
    assert "nightshift.db" in redactor.clean("cannot open sqlite+aiosqlite:////var/lib/nightshift.db")


def test_a_longer_secret_is_hidden_whole() -> None:
    """A secret that begins like another one leaves no tail."""
    redactor = Redactor()
    redactor.protect("abcdefgh")
    redactor.protect("abcdefghijkl")
    assert redactor.clean("abcdefghijkl") == "***"


@given(text=st.text(), limit_bytes=st.integers(0, 200))
def test_single_line_is_one_printable_ascii_line_within_its_limit(text: str, limit_bytes: int) -> None:
    """It can be a header's value whatever it was."""
    line = single_line(text, limit_bytes)
    assert len(line.encode("ascii")) <= limit_bytes
    assert line.isprintable()
    assert line == line.strip()


def test_single_line_keeps_what_can_be_read() -> None:
    """Line ends become spaces, foreign characters and controls their escapes, backslashes stay."""
    assert single_line("Caf\xe9 \u20ac\r\n\tC:\\x\x1b[0m\udc80\n") == r"Caf\xe9 \u20ac C:\x\x1b[0m\udc80"


def test_single_line_hides_secrets_before_it_cuts() -> None:
    """No half of a secret is left at the limit."""
    redaction.protect("swordfish-swordfish")
    assert single_line("x" * 10 + " swordfish-swordfish", 20) == "x" * 10 + " ***"
    assert single_line("y " * 2_000_000, 10) == "y y y y y"

"""Which errors are the same fault."""

import pytest

from nightshift.console.letters.fingerprint import fingerprint, pattern_of


@pytest.mark.parametrize(
    ("error", "pattern"),
    [
        ("SmtpError: 550 mailbox ada@example.com unavailable", "SmtpError: 550 mailbox {address} unavailable"),
        ("refused ada@example.com: 550 5.1.1 no mailbox", "refused {address}: 550 {n} no mailbox"),
        ("connect to 10.0.0.5:25 failed after 31 s", "connect to {n} failed after {n} s"),
        ("no row 6f9619ff-8b86-d011-b42d-00c04fc964ff", "no row {id}"),
        ("object 0a1b2c3d4e5f is missing", "object {id} is missing"),
        ("took 1,234.5 ms", "took {n} ms"),
        ("HTTP 503 of 5034", "HTTP 503 of {n}"),
        ("first line\nTraceback: 12", "first line"),
        ("", ""),
        ("\ud800 7", "\ud800 {n}"),
    ],
)
def test_what_differs_each_time_is_taken_out(error: str, pattern: str) -> None:
    """Addresses, ids and numbers; a status of three digits tells faults apart, and only the first line counts."""
    assert pattern_of(error) == pattern


@pytest.mark.parametrize("text", ["a" * 100_000, "a@" * 50_000, "a." * 50_000 + "@", "1," * 50_000, "f1" * 50_000])
def test_a_long_text_takes_no_time(text: str) -> None:
    """Whatever somebody typed into an error."""
    assert len(pattern_of(text)) <= 300


def test_a_group_is_of_one_service_and_reason() -> None:
    """The same text of two services may have two causes."""
    names = {fingerprint(service, reason, "x") for service in ("email", "sync") for reason in ("permanent", "invalid")}
    assert len(names) == 4

"""Header blocks: what anybody may have typed is read without fail, and what we write comes back as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.broker.headers import DESCRIPTION, STATUS, UNREADABLE, decode, encode

_NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1)
_BYTES = st.binary().map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b""))
_VALUES = _BYTES.map(lambda raw: raw.decode("utf-8", "surrogateescape").strip(" \t"))


@given(st.binary() | st.binary().map(lambda rest: b"NATS/1.0" + rest) | st.binary().map(lambda r: b"NATS/1.0\r\n" + r))
def test_decode_reads_any_bytes_without_raising(raw: bytes) -> None:
    """A header block is whatever a producer typed: reading it never fails, and yields names and values."""
    assert all(isinstance(text, str) for pair in decode(raw).items() for text in pair)


@given(st.dictionaries(_NAMES, _VALUES))
def test_what_is_encoded_is_decoded_unchanged(headers: dict[str, str]) -> None:
    """Names and values survive the way over the wire, also bytes that are no UTF-8 (lone surrogates)."""
    assert decode(encode(headers)) == headers


@given(st.dictionaries(_NAMES, st.binary().map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b"").strip(b" \t"))))
def test_what_is_decoded_is_encoded_as_the_same_bytes(values: dict[str, bytes]) -> None:
    """A copy of a message carries the very bytes that its producer sent."""
    raw = b"NATS/1.0\r\n" + b"".join(b"%b: %b\r\n" % (name.encode(), value) for name, value in values.items()) + b"\r\n"
    assert encode(decode(raw)) == raw


def test_of_a_repeated_header_the_first_counts() -> None:
    """Somebody who adds a second header later in the block changes nothing."""
    assert decode(b"NATS/1.0\r\nJob-Id: one\r\nJob-Id: two\r\n\r\n") == {"Job-Id": "one"}


def test_names_keep_their_case() -> None:
    """Header names are case-sensitive (ADR-4): `job-id` is another header than `Job-Id`."""
    assert decode(b"NATS/1.0\r\njob-id: a\r\nJob-Id: b\r\n\r\n") == {"job-id": "a", "Job-Id": "b"}


def test_the_brokers_status_line_is_read() -> None:
    """Control messages say what they are in the first line of the block."""
    assert decode(b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 3\r\n\r\n") == {
        STATUS: "408",
        DESCRIPTION: "Request Timeout",
        "Nats-Pending-Messages": "3",
    }
    assert decode(b"NATS/1.0 503\r\n\r\n") == {STATUS: "503", DESCRIPTION: ""}


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (b"", {}),
        (b"HTTP/1.1\r\nJob-Id: a\r\n\r\n", {}),
        (b"NATS/1.0\r\nno colon\r\nJob-Id: a\r\n\r\n", {"Job-Id": "a"}),
        (b"NATS/1.0\r\n: no name\r\nJob-Id: a\r\n\r\n", {"Job-Id": "a"}),
        (b"NATS/1.0\r\nna me: x\r\nJob-Id: a\r\n\r\n", {"Job-Id": "a"}),
        ("NATS/1.0\r\nnäme: x\r\nJob-Id: a\r\n\r\n".encode(), {"Job-Id": "a"}),
        (b"NATS/1.0\r\nJob-Id: a", {"Job-Id": "a"}),
    ],
)
def test_a_broken_block_yields_what_can_be_read_and_says_so(raw: bytes, kept: dict[str, str]) -> None:
    """What is legible counts; what is not is marked, so that the job ends as a dead letter with a reason."""
    headers = decode(raw)
    unreadable = headers.pop(UNREADABLE, "")
    assert headers == kept
    assert bool(unreadable) == (not raw.endswith(b"Job-Id: a"))


@given(st.text(), st.text(st.characters(exclude_categories=["Cs"])))
def test_line_breaks_in_a_value_inject_nothing(before: str, after: str) -> None:
    """A value with a line break stays one value: it cannot add a header, or end the block."""
    value = before.encode("utf-8", "replace").decode() + "\r\nNats-Rollup: all\r\n\r\n" + after
    assert set(decode(encode({"Job-Id": value}))) == {"Job-Id"}
    assert encode({"Job-Id": value}).count(b"\r\n") == 3


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "ä", "\x7f", "a\t"])
def test_a_name_that_no_header_can_have_is_refused(name: str) -> None:
    """Only printable ASCII without a colon is written (ADR-4); anything else is an error of the caller."""
    with pytest.raises(ValueError, match="cannot be a header name"):
        encode({name: "x"})

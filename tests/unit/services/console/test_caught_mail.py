"""Messages of programs that are under development: whatever is wrong with them, they are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.console.caught_mail import read_mail

BROKEN = {
    "nothing": b"",
    "no headers": b"\xff\xfe\x00",
    "a subject in bytes that are no UTF-8": b"Subject: =?utf-8?q?=ff?=\r\n\r\nhi",
    "parts that do not end": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhi",
    "a charset that there is not": b"Content-Type: text/plain; charset=nope\r\n\r\nhi",
    "an address that is none": b'To: "<<>>@@,,\r\n\r\nhi',
    "a type that is none": b"Content-Type: ;;;=\r\n\r\nhi",
    "a message within a message": b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nhi",
    "parts within parts, and so on": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (depth, depth) for depth in range(3000)
    )
    + b"\r\nhi",
    "parts without a boundary": b"Content-Type: multipart/alternative\r\n\r\nhi",
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_message_is_shown_as_far_as_it_can_be_read(case: str) -> None:
    """Its text is there, as such or as an attachment."""
    mail = read_mail(BROKEN[case])
    seen = (mail.text or "").encode() + b"".join(one.content for one in mail.attachments)
    assert b"hi" in seen or b"hi" not in BROKEN[case]


_HEADERS = st.sampled_from(
    ["Content-Type", "Content-Disposition", "Content-ID", "Content-Transfer-Encoding", "Subject", "To", "Date", "X"]
)
_VALUES = st.one_of(
    st.sampled_from(["multipart/mixed; boundary=x", "text/html", "image/png", "base64", "quoted-printable"]),
    st.text(max_size=40),
)


@given(headers=st.lists(st.tuples(_HEADERS, _VALUES), max_size=6), body=st.binary(max_size=200))
def test_no_message_is_an_error(headers: list[tuple[str, str]], body: bytes) -> None:
    """Whatever its headers say of it."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers).encode("utf-8", "replace")
    mail = read_mail(lines + b"\r\n" + body)
    assert all(isinstance(value, str) for _, value in mail.headers)

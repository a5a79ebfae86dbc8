"""Messages of programs that are under development: whatever is wrong with them, they are shown."""

import re
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.console.caught_mail import content_of, listed, read_mail

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


def message(html: str, **images: int) -> bytes:
    """An HTML text, and images of so many bytes by the names that it gives them."""
    made = EmailMessage()
    made.set_content(html, subtype="html")
    for name, size in images.items():
        made.add_related(bytes(size), maintype="image", subtype="png", cid=f"<{name}@x>")
    return made.as_bytes()


def test_an_image_stands_where_the_text_names_it_and_nowhere_else() -> None:
    """Names that begin alike, that are encoded as in any address, and with the scheme in capitals."""
    mail = read_mail(message('<img src="cid:a1%40x"><img src="cid:a10@x"><img src=CID:b@x>', a1=1, a10=2, b=3))
    assert mail.html is not None
    assert re.findall(r"base64,([^\">]+)", mail.html) == ["AA==", "AAA=", "AAAA"]
    assert mail.images_left_out == 0


def test_an_image_that_is_too_large_or_missing_is_counted_and_the_others_are_shown() -> None:
    """So that nobody looks for a mistake in the message."""
    mail = read_mail(
        message('<img src="cid:large@x"><img src="cid:small@x"><img src="cid:none@x">', large=25_000_000, small=1)
    )
    assert mail.html is not None
    assert mail.images_left_out == 2
    assert mail.html.count("base64,") == 1


def test_a_header_is_found_however_its_name_is_written() -> None:
    """As programs write them."""
    assert read_mail(b"SUBJECT: Loud\r\n\r\nhi").subject == "Loud"


def test_a_text_that_does_not_say_its_charset_is_read_as_utf_8() -> None:
    """As those write it who put a message together by hand; what is none is read as far as it goes."""
    assert read_mail("Content-Type: text/plain\r\n\r\nGrüße".encode()).text == "Grüße"
    assert read_mail(b"Content-Type: text/plain\r\n\r\nGr\xfc\xdfe").text is not None


def test_a_message_that_was_forwarded_is_one_attachment() -> None:
    """With its own headers, and whatever it has attached."""
    inner, outer = EmailMessage(), EmailMessage()
    inner["Subject"] = "What was said"
    inner.set_content("As below.")
    inner.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="inner.pdf")
    outer.set_content("See the other one.")
    outer.add_attachment(inner)
    mail = read_mail(outer.as_bytes())
    (attached,) = mail.attachments
    assert attached.name.endswith(".eml")
    assert b"Subject: What was said" in attached.content
    assert b"inner.pdf" in attached.content


def test_only_what_the_mail_catcher_has_kept_is_listed(tmp_path: Path) -> None:
    """A file of another name has no number by which it could be opened."""
    for name in ("0002-b.eml", "0001-a.eml", "x.eml", "0003.eml", "-5.eml", "20261129123456-c.eml", "0004-d.txt"):
        (tmp_path / name).write_bytes(b"Subject: " + name.encode() + b"\r\n\r\n")
    assert [one.subject for one in listed(tmp_path, before=0, most=9)] == ["0002-b.eml", "0001-a.eml"]
    assert content_of(tmp_path, 3) is None


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

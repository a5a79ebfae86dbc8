"""The bytes that go to an SMTP server."""

import email
import email.policy
import json
from email.message import EmailMessage
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from contracts.email import SendEmail
from services.email.compose import compose
from services.email.mailer import File, Mailbox
from services.email.mime import needs_utf8, render
from tests.unit.services.email.mails import NOW, mail

HEADERS = ["From", "Reply-To", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"]
ADDRESSES = st.sampled_from(["ada@example.com", "a.b+c@müller.example", "x'y{}@b-c.example.org"])
NASTY = st.text(
    st.sampled_from(list("ab ,;:\"\\()[]=?_<>@.\t\r\n\x0b\x85\u2028é例🚂\xa0%*'"))
    | st.characters(exclude_categories=["Cs"]),
    min_size=1,
    max_size=100,
)
BOXES = ADDRESSES | st.builds("{} <{}>".format, NASTY, ADDRESSES) | st.builds('"{}" <{}>'.format, NASTY, ADDRESSES)


def parsed(raw: bytes) -> EmailMessage:
    """Reads a message as a mail program does."""
    return email.message_from_bytes(raw, policy=email.policy.default)


def header_names(raw: bytes) -> list[str]:
    """Names of the header lines as they stand there, folded lines left out."""
    lines = raw.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")
    return [line.partition(":")[0] for line in lines if not line.startswith((" ", "\t"))]


def test_html_has_a_plain_text_alternative() -> None:
    """A mail program chooses between plain text and HTML; the last one is the preferred."""
    message = parsed(render(mail(html="<p>Grüße</p>", text="Grüße\n")))
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert [part.get_content().strip() for part in message.iter_parts()] == ["Grüße", "<p>Grüße</p>"]


def test_attachments_keep_name_type_and_bytes() -> None:
    """An attachment arrives as it was stored, whatever its name is made of."""
    files = (
        File("Bericht für März.pdf", "application/pdf", b"%PDF\r\n\x00\xff"),
        File("a b'%.txt", "text/plain", b"x"),
    )
    attached = list(parsed(render(mail(files=files))).iter_attachments())
    assert [(part.get_filename(), part.get_content_type()) for part in attached] == [
        (file.name, file.content_type) for file in files
    ]
    assert [part.get_payload(decode=True) for part in attached] == [file.content for file in files]


def test_bcc_is_in_no_header() -> None:
    """Nobody sees who got a blind copy."""
    assert b"secret@example.com" not in render(mail(bcc=(Mailbox("", "secret@example.com"),)))


def test_a_comma_beside_a_fold_and_a_name_with_umlauts_still_separates_addresses() -> None:
    """The standard library of Python 3.11.7 encodes this comma (python/cpython#100884), and a recipient is lost."""
    boxes = (Mailbox("", f"{'a' * 62}@example.org"), Mailbox("ä", "foo@example.org"))
    message = parsed(render(mail(to=boxes)))
    assert [address.addr_spec for address in message["To"].addresses] == [box.address for box in boxes]


def test_date_and_message_id_are_the_mails_own() -> None:
    """Both are given, none is made up while writing."""
    message = parsed(render(mail()))
    assert message["Message-ID"] == "<job-1.email.send@acme.example>"
    assert message["Date"].datetime == NOW


@pytest.mark.parametrize(
    "subject", ["Hi", "Grüße aus Köln 🚂" * 20, "=?utf-8?q?not_encoded?=", "two  spaces ", "x" * 500]
)
def test_any_subject_arrives(subject: str) -> None:
    """A subject is read as it was written, and no line is longer than SMTP allows."""
    raw = render(mail(subject=subject))
    assert parsed(raw)["Subject"] == subject
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_addresses_beside_a_foreign_name_are_not_lost() -> None:
    """The comma between two addresses stays one, also where the names need encoding."""
    boxes = tuple(Mailbox("Jörg ¡ 例", f"{name}@example.com") for name in "abcdef")
    recipients = parsed(render(mail(to=boxes)))["To"].addresses
    assert [recipient.addr_spec for recipient in recipients] == [box.address for box in boxes]


def accepted(body: dict[str, Any]) -> SendEmail:
    """Decodes what the contract accepts, and passes over the rest."""
    try:
        return msgspec.json.decode(json.dumps(body).encode(), type=SendEmail)
    except msgspec.ValidationError:
        assume(False)
        raise


@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(to=st.lists(BOXES, min_size=1, max_size=4), reply=BOXES, subject=NASTY, text=NASTY, file_name=NASTY)
def test_no_accepted_message_adds_a_header(to: list[str], reply: str, subject: str, text: str, file_name: str) -> None:
    """Whatever the contract accepts: the headers are ours, every recipient is there, only addresses make it 8-bit."""
    body = {"to": to, "replyTo": reply, "subject": subject, "body": text, "text": text}
    message = accepted(body | {"attachments": [{"key": "k", "fileName": file_name}]})
    files = [File(attachment.file_name, "text/html", b"x") for attachment in message.attachments or ()]
    made = compose(message, job_key="job-1", sender="hello@acme.example", files=files, now=NOW)
    raw = render(made)
    assert raw.isascii() or needs_utf8(made)
    assert sorted(header_names(raw)) == sorted(HEADERS)
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    read = parsed(raw)
    assert [box.addr_spec for box in read["To"].addresses] == [box.address for box in made.to]
    assert "".join(read["Subject"].split()) == "".join(subject.split())
    assert len(list(read.iter_attachments())) == 1

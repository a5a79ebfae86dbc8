"""The mail catcher, spoken to by a plain SMTP client."""

import email
import email.policy
import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from nightshift.embedded.servers.mail_server import MailServer


@pytest.fixture
def client(mail_server: MailServer) -> Iterator[smtplib.SMTP]:
    """A connection to the catcher."""
    smtp = smtplib.SMTP(mail_server.host, mail_server.port, timeout=10)
    try:
        yield smtp
    finally:
        smtp.close()


def _message(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", subject
    message.set_content("Grüße\n.\nfrom the night shift\n")
    return message


def _stored(server: MailServer, slug: str) -> list[Path]:
    return [file for file in server.messages() if file.stem.endswith(slug)]


def test_a_message_becomes_a_file(mail_server: MailServer, client: smtplib.SMTP) -> None:
    """What was sent can be opened with a mail program, as it was sent, with its envelope."""
    client.send_message(_message("A first one"), to_addrs=["b@example.com", "hidden@example.com"])
    (file,) = _stored(mail_server, "a-first-one")
    stored = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert stored["Subject"] == "A first one"
    assert stored["X-Envelope-To"] == "b@example.com, hidden@example.com"
    assert stored.get_content().replace("\r", "") == "Grüße\n.\nfrom the night shift\n"


def test_the_answer_names_the_file(mail_server: MailServer, client: smtplib.SMTP) -> None:
    """A client's log leads to the file."""
    client.ehlo()
    client.mail("a@example.com")
    client.rcpt("b@example.com")
    code, answer = client.data(b"Subject: named\r\n\r\n")
    assert (code, answer.decode()) == (250, f"OK stored as {_stored(mail_server, 'named')[0].name}")


def test_a_message_that_cannot_be_stored_is_to_come_again(mail_server: MailServer, client: smtplib.SMTP) -> None:
    """As with a full disk: 452 and no more, which every sender waits out."""
    away = mail_server.mailbox.with_name("elsewhere")
    mail_server.mailbox.rename(away)
    mail_server.mailbox.touch()
    with pytest.raises(smtplib.SMTPDataError) as refused:
        client.send_message(_message("Homeless"))
    assert (refused.value.smtp_code, refused.value.smtp_error[:5]) == (452, b"4.3.1")
    mail_server.mailbox.unlink()
    away.rename(mail_server.mailbox)
    client.send_message(_message("Homeless"))
    assert len(_stored(mail_server, "homeless")) == 1


def test_one_refused_recipient_leaves_the_others(mail_server: MailServer, client: smtplib.SMTP) -> None:
    """A permanent refusal concerns its recipient only."""
    refused = client.sendmail("a@example.com", ["b@example.com", "refused@example.com"], "Subject: partly\r\n\r\n")
    assert {address: code for address, (code, _) in refused.items()} == {"refused@example.com": 550}
    assert len(_stored(mail_server, "partly")) == 1


def test_a_temporary_refusal_ends_after_its_number(mail_server: MailServer, client: smtplib.SMTP) -> None:
    """The first N tries are told to come again, the next is accepted."""
    codes = []
    for _ in range(3):
        client.ehlo()
        client.mail("a@example.com")
        codes.append(client.rcpt("temporary-2+t@example.com")[0])
        client.rset()
    assert codes == [451, 451, 250]
    assert mail_server.running


def test_a_message_can_be_refused_by_its_content(mail_server: MailServer, client: smtplib.SMTP) -> None:
    """A refusal after the transmission stores nothing."""
    with pytest.raises(smtplib.SMTPDataError) as raised:
        client.sendmail("a@example.com", ["spam@example.com"], "Subject: cheap\r\n\r\n")
    assert raised.value.smtp_code == 554
    assert _stored(mail_server, "cheap") == []


def test_a_closing_server_says_so(client: smtplib.SMTP) -> None:
    """421 comes with the end of the connection."""
    client.ehlo()
    client.mail("a@example.com")
    assert client.rcpt("closed@example.com")[0] == 421
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.noop()


def test_a_dropped_connection_leaves_its_message(mail_server: MailServer, client: smtplib.SMTP) -> None:
    """The sender hears nothing, yet the message was stored: the window that makes mail at-least-once."""
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.sendmail("a@example.com", ["dropped@example.com"], "Subject: in doubt\r\n\r\n")
    assert len(_stored(mail_server, "in-doubt")) == 1

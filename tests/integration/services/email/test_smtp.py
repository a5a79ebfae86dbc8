"""A mail's way through an SMTP server that answers as it likes."""

import email
import email.policy
from collections.abc import AsyncIterator

import pytest

from nightshift.outcomes import Permanent, Snooze
from services.email.mailer import File, Mailbox, SendFailedError
from services.email.smtp import SmtpMailer
from services.email.smtp_errors import BUSY, LIMITED
from tests.integration.services.email.smtp_script import DROP, HANG, SmtpScript, smtp_server
from tests.integration.services.email.test_conformance import server_of
from tests.unit.services.email.mails import mail

ADA, BOB = Mailbox("", "ada@example.com"), Mailbox("", "bob@example.com")


@pytest.fixture
async def mailer(script: SmtpScript) -> AsyncIterator[SmtpMailer]:
    """Sends to the script's server."""
    mailer = SmtpMailer(server_of(script))
    yield mailer
    await mailer.close()


async def test_the_message_arrives_as_it_was_made(script: SmtpScript, mailer: SmtpMailer) -> None:
    """Lines that begin with a dot, foreign letters and attachments survive the transport."""
    files = (File("Bericht.pdf", "application/pdf", bytes(range(256)) * 300),)
    sent = await mailer.send(mail(html="<p>Grüße</p>\n.\n..dots\n", text=".\nGrüße\n", subject="Grüße 🚂", files=files))
    assert sent.provider_id == "4bXy1z"
    message = email.message_from_bytes(script.received[0].content, policy=email.policy.default)
    html = message.get_body(("html",))
    text = message.get_body(("plain",))
    assert html is not None
    assert text is not None
    assert html.get_content().splitlines() == ["<p>Grüße</p>", ".", "..dots"]
    assert text.get_content().splitlines() == [".", "Grüße"]
    assert message["Subject"] == "Grüße 🚂"
    assert [part.get_payload(decode=True) for part in message.iter_attachments()] == [files[0].content]


async def test_unusual_addresses_are_named_as_they_are(script: SmtpScript, mailer: SmtpMailer) -> None:
    """What the contract allows before the @ reaches the server unchanged."""
    odd = "!#$%&'*+/=?^_`{|}~-.x@example.com"
    await mailer.send(mail(to=(Mailbox("", odd),), sender=Mailbox("", "o'neil+x@acme.example")))
    assert (script.received[0].sender, script.received[0].recipients) == ("o'neil+x@acme.example", [odd])


async def test_nothing_is_transmitted_when_one_is_refused(script: SmtpScript, mailer: SmtpMailer) -> None:
    """All recipients are named to the server before, and the transaction is broken off."""
    script.rcpt["ada@example.com"].append("550 5.1.1 no such user")
    script.rcpt["bob@example.com"].append("450 4.2.1 busy")
    with pytest.raises(Permanent, match=r"ada@example\.com: 550 5\.1\.1 no such user.*bob@example\.com: 450 4\.2\.1"):
        await mailer.send(mail(to=(ADA, BOB), cc=(Mailbox("", "eve@example.com"),)))
    assert script.commands == ["MAIL", "RCPT", "RCPT", "RCPT", "RSET"]


async def test_a_temporary_refusal_of_one_sends_to_nobody(script: SmtpScript, mailer: SmtpMailer) -> None:
    """The next attempt sends to all, once."""
    script.rcpt["bob@example.com"].append("450 4.2.1 busy")
    with pytest.raises(SendFailedError, match=r"also not to the 1 that it accepted"):
        await mailer.send(mail(to=(ADA, BOB)))
    await mailer.send(mail(to=(ADA, BOB)))
    assert [received.recipients for received in script.received] == [["ada@example.com", "bob@example.com"]]


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
async def test_a_refusal_at_any_stage_counts(script: SmtpScript, mailer: SmtpMailer, stage: str) -> None:
    """Sender, recipient, content: permanent, temporary and closing mean the same everywhere."""
    entries = script.rcpt["ada@example.com"] if stage == "rcpt" else getattr(script, stage)
    entries.extend(["550 5.7.1 no", "451 4.3.0 later", "450 4.7.1 greylisted", "421 4.3.2 closing"])
    with pytest.raises(Permanent):
        await mailer.send(mail())
    with pytest.raises(SendFailedError):
        await mailer.send(mail())
    with pytest.raises(Snooze) as greylisted:
        await mailer.send(mail())
    assert greylisted.value.delay == LIMITED
    if stage == "mail":  # there a reused connection is given up for a fresh one first
        await mailer.close()
        mailer = SmtpMailer(server_of(script))
    with pytest.raises(Snooze) as closing:
        await mailer.send(mail())
    assert closing.value.delay == BUSY
    await mailer.send(mail())
    assert len(script.received) == 1
    await mailer.close()


@pytest.mark.parametrize("deed", [HANG, DROP])
@pytest.mark.parametrize("stage", ["mail", "rcpt"])
async def test_a_break_before_the_message_is_an_attempt(
    script: SmtpScript, mailer: SmtpMailer, stage: str, deed: str
) -> None:
    """On a fresh connection it may be the mail that the server cannot stand: counted, and known to be unsent."""
    (script.rcpt["ada@example.com"] if stage == "rcpt" else script.mail).append(deed)
    with pytest.raises(SendFailedError, match="nothing was transmitted"):
        await mailer.send(mail())
    assert script.received == []


async def test_a_break_while_naming_recipients_does_not_hide_a_refusal(script: SmtpScript, mailer: SmtpMailer) -> None:
    """What was refused for good before the break stays refused."""
    script.rcpt["ada@example.com"].append("550 5.1.1 no such user")
    script.rcpt["bob@example.com"].append(DROP)
    with pytest.raises(Permanent, match=r"ada@example\.com"):
        await mailer.send(mail(to=(ADA, BOB)))


async def test_a_large_mail_is_announced_with_its_size() -> None:
    """A server with a limit refuses it before it is transmitted: for good."""
    async with smtp_server(data_size_limit=100_000) as script:
        mailer = SmtpMailer(server_of(script))
        with pytest.raises(Permanent, match="552"):
            await mailer.send(mail(files=(File("big.bin", "application/octet-stream", b"x" * 300_000),)))
        assert script.commands == ["RSET"]  # aiosmtpd refuses the size before it asks the script
        await mailer.close()

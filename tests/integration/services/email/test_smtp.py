"""A mail's way through an SMTP server that answers as it likes."""

import email
import email.policy
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from nightshift.outcomes import Permanent, Snooze
from services.email.mailer import Deferred, File, Held, Mailbox
from services.email.smtp import SmtpMailer
from tests.integration.services.email.smtp_script import DROP, HANG, SmtpScript, smtp_server
from tests.integration.services.email.test_conformance import server_of
from tests.unit.services.email.mails import mail

ADA, BOB, EVE = (Mailbox("", f"{name}@example.com") for name in ("ada", "bob", "eve"))


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


async def test_whom_the_server_refuses_does_not_get_the_mail_and_the_others_do(
    script: SmtpScript, mailer: SmtpMailer
) -> None:
    """One transaction; who was refused, and in which words, is told beside the success."""
    script.rcpt["ada@example.com"].append("550 5.1.1 no such user")
    script.rcpt["bob@example.com"].append("451 Temporary failure, please try again later.")
    sent = await mailer.send(mail(to=(ADA, BOB), cc=(EVE,)))
    assert [received.recipients for received in script.received] == [["eve@example.com"]]
    assert script.commands == ["MAIL", "RCPT", "RCPT", "RCPT", "DATA"]
    assert isinstance(sent.refused["ada@example.com"], Permanent)
    assert isinstance(sent.refused["bob@example.com"], Deferred)
    assert sent.refused.keys() == {"ada@example.com", "bob@example.com"}


async def test_nothing_is_transmitted_when_all_are_refused(script: SmtpScript, mailer: SmtpMailer) -> None:
    """The transaction is broken off; one who may be asked again keeps the mail alive."""
    script.rcpt["ada@example.com"].append("550 5.1.1 no such user")
    script.rcpt["bob@example.com"].append("450 4.2.1 busy")
    with pytest.raises(Deferred, match=r"ada@example\.com: 550 5\.1\.1 no such user.*bob@example\.com: 450 4\.2\.1"):
        await mailer.send(mail(to=(ADA, BOB)))
    assert script.commands == ["MAIL", "RCPT", "RCPT", "RSET"]


async def test_the_envelope_can_be_narrower_than_the_headers(script: SmtpScript, mailer: SmtpMailer) -> None:
    """Who has the mail already is named in it, and does not get it again."""
    await mailer.send(mail(to=(ADA, BOB)).only_to(("bob@example.com",)))
    assert script.received[0].recipients == ["bob@example.com"]
    assert b"To: ada@example.com, bob@example.com\r\n" in script.received[0].content


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
async def test_a_refusal_at_any_stage_counts(script: SmtpScript, stage: str) -> None:
    """Sender, recipient, content: permanent, temporary and closing mean the same everywhere."""
    entries = script.rcpt["ada@example.com"] if stage == "rcpt" else getattr(script, stage)
    for reply, outcome in (
        ("550 5.7.1 no", Permanent),
        ("451 4.3.0 later", Deferred),
        ("450 4.7.1 greylisted", Deferred),
        ("421 4.3.2 closing", Snooze),
    ):
        entries.append(reply)
        mailer = SmtpMailer(server_of(script))
        with pytest.raises(outcome):
            await mailer.send(mail())
        await mailer.close()
    mailer = SmtpMailer(server_of(script))
    await mailer.send(mail())
    assert len(script.received) == 1
    await mailer.close()


@pytest.mark.parametrize(
    "reply",
    [
        "550 5.4.5 Daily user sending quota exceeded.",
        "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException",
        "451 4.7.0 Daily sending limit reached",
    ],
)
@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
async def test_a_used_up_quota_is_asked_about_once(script: SmtpScript, stage: str, reply: str) -> None:
    """The other mails of the sender wait without a word to the server; another sender's go; the operator is told."""
    mailer = SmtpMailer(server_of(script))
    (script.rcpt["ada@example.com"] if stage == "rcpt" else getattr(script, stage)).append(reply)
    for _ in range(3):
        with pytest.raises(Held) as outcome:
            await mailer.send(mail())
        assert timedelta(minutes=59) < outcome.value.delay < timedelta(minutes=67)
    assert script.commands.count("MAIL") == 1
    with pytest.raises(Snooze, match=r"hello@acme\.example is held back for 3[56]\d\d s more") as told:
        await mailer.check()
    assert reply in str(told.value)
    await mailer.send(mail(sender=Mailbox("", "other@acme.example")))
    assert len(script.received) == 1
    await mailer.close()


async def test_a_quota_in_the_middle_of_the_recipients_keeps_the_mail_from_none_before(
    script: SmtpScript, mailer: SmtpMailer
) -> None:
    """Those before it get the mail; the sender waits with the others."""
    script.rcpt["bob@example.com"].append("550 5.4.5 Daily user sending quota exceeded.")
    sent = await mailer.send(mail(to=(ADA, BOB)))
    assert isinstance(sent.refused["bob@example.com"], Held)
    with pytest.raises(Held):
        await mailer.send(mail())


@pytest.mark.parametrize("deed", [HANG, DROP])
@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
async def test_a_break_before_the_message_puts_the_mail_off(
    script: SmtpScript, mailer: SmtpMailer, stage: str, deed: str
) -> None:
    """On a fresh connection it may be the mail that the server cannot stand: it waits, and is known to be unsent."""
    {"mail": script.mail, "rcpt": script.rcpt["ada@example.com"], "data": script.early["DATA"]}[stage].append(deed)
    with pytest.raises(Deferred, match="nothing was transmitted"):
        await mailer.send(mail())
    assert script.received == []
    await mailer.send(mail())
    assert len(script.received) == 1


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("554 5.7.1 no", Permanent),
        ("451 4.3.0 not now", Deferred),
        ("421 4.3.2 closing", Snooze),
        ("250 odd", Deferred),
    ],
)
async def test_a_message_that_is_not_asked_for_is_not_transmitted(
    script: SmtpScript, mailer: SmtpMailer, reply: str, outcome: type[Exception]
) -> None:
    """What the server says to DATA counts as what it says to any other command."""
    script.early["DATA"].append(reply)
    with pytest.raises(outcome, match="refused the message"):
        await mailer.send(mail())
    assert script.received == []


async def test_a_line_that_is_a_dot_does_not_end_the_message(script: SmtpScript, mailer: SmtpMailer) -> None:
    """It arrives as it was written."""
    await mailer.send(mail(text=".\n..\n.dot\nend\n", html="<p>Hi</p>"))
    assert b".\r\n..\r\n.dot\r\nend\r\n" in script.received[0].content


async def test_addresses_beyond_ascii_go_to_a_server_that_takes_them() -> None:
    """With SMTPUTF8, in envelope and headers as they are written."""
    async with smtp_server(enable_SMTPUTF8=True) as script:
        mailer = SmtpMailer(server_of(script))
        await mailer.send(mail(to=(Mailbox("Jörg", "jörg@example.com"),)))
        assert script.received[0].recipients == ["jörg@example.com"]
        assert "<jörg@example.com>".encode() in script.received[0].content
        await mailer.close()


async def test_a_server_without_utf_8_addresses_is_named(script: SmtpScript, mailer: SmtpMailer) -> None:
    """For good, and nothing is sent."""
    with pytest.raises(Permanent, match="SMTPUTF8"):
        await mailer.send(mail(to=(Mailbox("", "jörg@example.com"),)))
    assert script.received == []


@pytest.mark.parametrize(
    "address", ["a..b@docomo.example", "x.@docomo.example", "user@my_host.example.com", "root@localhost",
                '"john doe"@example.com', "ada@[192.0.2.1]"]
)  # fmt: skip
async def test_the_mail_server_decides_about_odd_addresses(
    mailer: SmtpMailer, script: SmtpScript, address: str
) -> None:
    """They reach it as they are written."""
    script.rcpt[address].append("550 5.1.3 not here")
    with pytest.raises(Permanent, match="not here"):
        await mailer.send(mail(to=(Mailbox("", address),)))


async def test_a_large_mail_is_announced_with_its_size() -> None:
    """A server with a limit refuses it before it is transmitted: for good."""
    async with smtp_server(data_size_limit=100_000) as script:
        mailer = SmtpMailer(server_of(script))
        with pytest.raises(Permanent, match="552"):
            await mailer.send(mail(files=(File("big.bin", "application/octet-stream", b"x" * 300_000),)))
        assert script.commands == ["RSET"]  # aiosmtpd refuses the size before it asks the script
        await mailer.close()

"""Connections to an SMTP server: used again, dropped when stale, encrypted, authenticated, closed."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from nightshift.config.secret import FileSecret, Secret
from nightshift.outcomes import Permanent, Snooze
from services.email.mailer import Held, SendFailedError
from services.email.smtp import SmtpMailer
from services.email.smtp_config import Tls
from services.email.smtp_errors import MISCONFIGURED
from services.email.smtp_pool import SmtpPool
from tests.integration.services.email.certificates import Certificates
from tests.integration.services.email.smtp_script import DROP, HANG, SmtpScript, smtp_server
from tests.integration.services.email.test_conformance import server_of
from tests.unit.services.email.mails import mail


async def test_mails_one_after_another_share_a_connection(script: SmtpScript) -> None:
    """Also after a refusal, which ends the transaction but not the connection; QUIT comes with the end."""
    mailer = SmtpMailer(server_of(script))
    await mailer.send(mail())
    script.rcpt["ada@example.com"].append("550 5.1.1 no such user")
    with pytest.raises(Permanent):
        await mailer.send(mail())
    await mailer.send(mail())
    assert len(script.servers) == 1
    await mailer.close()
    assert script.commands[-1] == "QUIT"


async def test_no_more_connections_than_allowed(script: SmtpScript) -> None:
    """Ten mails at once go over two connections."""
    mailer = SmtpMailer(server_of(script))
    await asyncio.gather(*(mailer.send(mail()) for _ in range(10)))
    assert len(script.received) == 10
    assert len(script.servers) == 2
    await mailer.close()


@pytest.mark.parametrize(
    "death", ["hang up", "421 4.4.2 too many messages", "451 4.4.2 Timeout waiting for client input", HANG]
)
async def test_a_stale_connection_costs_nothing(script: SmtpScript, death: str) -> None:
    """A server that ended, limited or forgot the idle connection gets the mail over a fresh one, at once."""
    mailer = SmtpMailer(server_of(script))
    await mailer.send(mail())
    if death == "hang up":
        script.hang_up()
    else:
        script.mail.append(death)
    await mailer.send(mail())
    assert (len(script.received), len(script.servers)) == (2, 2)
    await mailer.close()


@pytest.mark.parametrize("death", [DROP, HANG])
async def test_a_connection_that_ends_at_the_recipients_costs_nothing(script: SmtpScript, death: str) -> None:
    """Also where the first command went through: nothing of the mail was transmitted."""
    mailer = SmtpMailer(server_of(script))
    await mailer.send(mail())
    script.rcpt["ada@example.com"].append(death)
    await mailer.send(mail())
    assert (len(script.received), len(script.servers)) == (2, 2)
    await mailer.close()


async def test_a_host_without_a_dot_introduces_itself_by_its_address(script: SmtpScript) -> None:
    """Servers that refuse a bare name take an address literal."""
    mailer = SmtpMailer(replace(server_of(script), helo=None))
    await mailer.send(mail())
    assert script.names == ["[127.0.0.1]"]
    await mailer.close()


async def test_a_server_at_an_ipv6_address() -> None:
    """Its address is written without brackets to the socket, with them to people, and as `IPv6:` in our name."""
    async with smtp_server(host="::1") as script:
        server = replace(server_of(script), helo=None)
        mailer = SmtpMailer(server)
        await mailer.send(mail())
        assert str(server) == f"[::1]:{script.port}"
        assert script.names == ["[IPv6:::1]"]
        await mailer.close()


@pytest.mark.parametrize("verb", ["EHLO", "RCPT"])
async def test_a_server_that_refuses_our_name_names_the_setting(script: SmtpScript, verb: str) -> None:
    """Exim says so at once, Postfix at the recipient: all mail waits, and SMTP_HELO is named."""
    mailer = SmtpMailer(server_of(script))
    if verb == "EHLO":
        script.helo.extend(["501 Syntactically invalid EHLO argument(s)"] * 2)
    else:
        script.rcpt["ada@example.com"].append(
            "504 5.5.2 <3f2a9c1d7b60>: Helo command rejected: need fully-qualified hostname"
        )
    for _ in range(2):
        with pytest.raises(Held, match="SMTP_HELO") as outcome:
            await mailer.send(mail())
        assert outcome.value.delay >= MISCONFIGURED
    assert len(script.servers) == 1
    await mailer.close()


async def test_a_connection_with_an_unclear_state_is_not_used_again(script: SmtpScript) -> None:
    """After a missing answer the next one could be taken for it."""
    mailer = SmtpMailer(server_of(script))
    script.data.append(HANG)
    with pytest.raises(SendFailedError):
        await mailer.send(mail())
    await mailer.send(mail())
    assert len(script.servers) == 2
    await mailer.close()


async def test_a_cancelled_mail_leaves_no_connection_behind(script: SmtpScript) -> None:
    """A handler that runs into its timeout is cut off in the middle of a transaction."""
    mailer = SmtpMailer(replace(server_of(script), timeout_seconds=30, connections=1))
    script.rcpt["ada@example.com"].append(HANG)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(mailer.send(mail()), 0.2)
    await asyncio.wait_for(mailer.send(mail()), 5)
    assert len(script.servers) == 2
    await mailer.close()


async def test_a_connection_left_by_an_exception_is_closed(script: SmtpScript) -> None:
    """Nobody knows what state it is in."""
    pool = SmtpPool(server_of(script))
    with pytest.raises(RuntimeError):
        async with pool.connection() as link:
            raise RuntimeError("whatever")
    assert not link.client.is_connected
    await pool.close()


async def test_a_connection_that_was_idle_for_long_is_dropped(script: SmtpScript) -> None:
    """Servers and firewalls forget a connection without a word."""
    now = 0.0
    pool = SmtpPool(replace(server_of(script), idle_seconds=20), clock=lambda: now)
    async with pool.connection() as first:
        assert not first.reused
    now = 19.0
    async with pool.connection() as second:
        assert second.reused
    now = 40.0
    async with pool.connection() as third:
        assert not third.reused
    await pool.close()
    assert not first.client.is_connected


async def test_a_connection_in_use_is_closed_when_it_comes_back(script: SmtpScript) -> None:
    """Closing waits for nobody, and leaves nothing open."""
    pool = SmtpPool(server_of(script))
    async with pool.connection() as link:
        await pool.close()
        assert script.commands == []
    assert not link.client.is_connected
    assert script.commands == ["QUIT"]


async def test_starttls_encrypts_before_the_password_is_sent(certificates: Certificates) -> None:
    """The server offers AUTH only behind TLS."""
    async with smtp_server(tls=certificates.server, require_starttls=True, auth_required=True) as script:
        server = replace(
            server_of(script, "localhost"), tls="starttls", ca_file=certificates.ca_file,
            user="ada", password=Secret("made-up"),
        )  # fmt: skip
        mailer = SmtpMailer(server)
        await mailer.send(mail())
        await mailer.send(mail())
        assert len(script.received) == 2
        assert len(script.logins) == 1
        await mailer.close()


@pytest.mark.parametrize("deed", [HANG, DROP, "421 4.3.2 closing"])
@pytest.mark.parametrize("command", ["STARTTLS", "AUTH"])
async def test_a_break_before_the_mail_costs_no_attempt(certificates: Certificates, command: str, deed: str) -> None:
    """The server is asked again soon, and then gets the mail, once."""
    async with smtp_server(tls=certificates.server, require_starttls=True, auth_required=True) as script:
        server = replace(server_of(script, "localhost"), tls="starttls", ca_file=certificates.ca_file, user="ada")
        mailer = SmtpMailer(
            replace(server, password=Secret("made-up"), timeout_seconds=1.0, connect_timeout_seconds=1.0)
        )
        script.early[command].append(deed)
        with pytest.raises(Snooze, match="the mail server"):
            await mailer.send(mail())
        assert script.received == []
        await mailer.send(mail())
        assert len(script.received) == 1
        await mailer.close()


async def test_implicit_tls_encrypts_from_the_start(certificates: Certificates) -> None:
    """As on port 465."""
    async with smtp_server(tls=certificates.server, implicit=True) as script:
        mailer = SmtpMailer(replace(server_of(script, "localhost"), tls="implicit", ca_file=certificates.ca_file))
        await mailer.send(mail())
        assert len(script.received) == 1
        await mailer.close()


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("wrong", ["authority", "host"])
async def test_an_unverified_server_gets_no_mail(
    certificates: Certificates, foreign_certificates: Certificates, tls: Tls, wrong: str
) -> None:
    """Neither one whose certificate nobody we trust signed, nor one that is for another host; no attempt is counted."""
    ca_file = certificates.ca_file if wrong == "authority" else foreign_certificates.ca_file
    async with smtp_server(tls=foreign_certificates.server, implicit=tls == "implicit") as script:
        mailer = SmtpMailer(replace(server_of(script, "localhost"), tls=tls, ca_file=ca_file))
        with pytest.raises(Snooze, match=r"SMTP_CA_FILE: .*certificate") as outcome:
            await mailer.send(mail())
        assert outcome.value.delay == MISCONFIGURED
        assert script.received == []
        await mailer.close()


async def test_a_server_whose_certificate_has_expired_gets_no_mail(certificates: Certificates, tmp_path: Path) -> None:
    """By the right authority and for the right name, but until yesterday: the mail waits, and the reason says so."""
    async with smtp_server(tls=certificates.another(tmp_path, days=-1).server) as script:
        mailer = SmtpMailer(replace(server_of(script, "localhost"), tls="starttls", ca_file=certificates.ca_file))
        with pytest.raises(Snooze, match="certificate has expired"):
            await mailer.send(mail())
        assert script.received == []
        await mailer.close()


async def test_a_server_without_starttls_gets_no_mail(script: SmtpScript) -> None:
    """Whoever takes STARTTLS out of the answer does not get the mail in the clear."""
    mailer = SmtpMailer(replace(server_of(script, "localhost"), tls="starttls"))
    with pytest.raises(Snooze, match="STARTTLS"):
        await mailer.send(mail())
    assert script.received == []
    await mailer.close()


async def test_a_wrong_password_costs_no_attempt(certificates: Certificates) -> None:
    """The reason names the setting and not the password."""
    async with smtp_server(tls=certificates.server, require_starttls=True, auth_required=True) as script:
        server = replace(
            server_of(script, "localhost"), tls="starttls", ca_file=certificates.ca_file,
            user="ada", password=Secret("wrong-one"),
        )  # fmt: skip
        mailer = SmtpMailer(server)
        with pytest.raises(Snooze, match="refused our login, check SMTP_USER") as outcome:
            await mailer.send(mail())
        assert "wrong-one" not in str(outcome.value)
        assert script.received == []
        with pytest.raises(Snooze, match="refused our login, check SMTP_USER"):
            await mailer.check()
        await mailer.close()


async def test_a_new_password_counts_at_the_next_connection(certificates: Certificates, tmp_path: Path) -> None:
    """Of the file that SMTP_PASSWORD_FILE names; nobody restarts anything."""
    file = tmp_path / "password"
    file.write_text("outdated")
    async with smtp_server(tls=certificates.server, require_starttls=True, auth_required=True) as script:
        server = replace(
            server_of(script, "localhost"), tls="starttls", ca_file=certificates.ca_file,
            user="ada", password=FileSecret("outdated", file.read_text),
        )  # fmt: skip
        mailer = SmtpMailer(server)
        with pytest.raises(Snooze, match="refused our login"):
            await mailer.check()
        file.write_text("made-up")
        await mailer.send(mail())
        assert len(script.received) == 1
        await mailer.close()

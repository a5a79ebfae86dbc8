"""Checks whether mail can be handed over, as the email service's settings say."""

import asyncio
from collections.abc import Sequence

import aiosmtplib

from nightshift.cli.client.context import Context
from nightshift.cli.doctor.finding import Finding, ok, skipped, warning, wrong
from nightshift.config.settings import SettingsError, load
from services.email.settings import EmailSettings
from services.email.smtp_config import SmtpServer

_SECONDS = 5.0


async def check_mail(context: Context) -> Sequence[Finding]:
    """Greets the mail server and logs in; sends nothing."""
    if not any(name in context.environ for name in ("SMTP_HOST", "MAIL_TRANSPORT", "RESEND_API_KEY")):
        return [skipped("mail", "SMTP_HOST is not set")]
    try:
        settings = load(EmailSettings, context.environ)
    except SettingsError as error:
        return [wrong("mail", "; ".join(error.problems), "correct the email service's settings")]
    if settings.mail_transport == "resend":
        return [
            warning(
                "mail",
                f"{settings.resend_url} is not asked: it has no way to try a key without sending",
                "nightshift send email.send … --wait",
            )
        ]
    return [await _greet(settings.smtp)]


async def _greet(server: SmtpServer) -> Finding:
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        timeout=_SECONDS,
        use_tls=server.tls == "implicit",
        start_tls=server.tls == "starttls",
        tls_context=server.tls_context(),
        local_hostname=server.helo,
    )
    try:
        async with asyncio.timeout(2 * _SECONDS):
            await client.connect()
            if server.user and server.password:
                await client.login(server.user, server.password.reveal())
            await client.quit()
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        client.close()
        return wrong(
            "mail", f"{server}: {str(error) or 'no answer'}", "check SMTP_HOST, SMTP_PORT, SMTP_TLS and the login"
        )
    return ok("mail", f"{server} takes mail from us ({server.tls if server.tls != 'none' else 'without'} TLS)")

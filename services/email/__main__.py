"""Run the email service: `python -m services.email`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from contracts.email import SendEmail
from nightshift.config.secret import Secret
from nightshift.runtime.composition import ServiceContext
from nightshift.runtime.service import run
from nightshift.worker.router import Handlers, route
from services.email.deliveries import Deliveries
from services.email.handlers import give_up, send_email
from services.email.mailer import Mailer
from services.email.metrics import MailMetrics
from services.email.rate_limiter import RateLimiter
from services.email.resend import ResendMailer
from services.email.settings import EmailSettings
from services.email.smtp import SmtpMailer
from services.email.suppressions import DatabaseSuppressions


@asynccontextmanager
async def handlers(settings: EmailSettings, context: ServiceContext) -> AsyncIterator[Handlers]:
    """Choose the real dependencies of the service's handlers."""
    mailer, deliveries, metrics = _mailer(settings), Deliveries(context.database), MailMetrics()
    context.dependencies.register(_provider(settings), mailer.check)
    context.metrics.registry.register(metrics)
    handler = partial(
        send_email,
        mailer=mailer,
        deliveries=deliveries,
        objects=context.objects,
        suppressions=DatabaseSuppressions(context.database, settings.mail_transport),
        rules=settings.rules,
        metrics=metrics,
        patience=settings.patience,
    )
    try:
        yield {
            SendEmail: route(SendEmail, handler, on_dead_letter=partial(give_up, deliveries=deliveries)),
        }
    finally:
        await mailer.close()


def _mailer(settings: EmailSettings) -> Mailer:
    if settings.mail_transport == "smtp":
        return SmtpMailer(settings.smtp)
    return ResendMailer(
        api_key=settings.resend_api_key or Secret(""),
        url=settings.resend_url,
        rate_limiter=RateLimiter(settings.resend_per_second),
    )


def _provider(settings: EmailSettings) -> str:
    if settings.mail_transport == "smtp":
        return f"mail server {settings.smtp}"
    return f"Resend at {settings.resend_url} (without trying the key)"


if __name__ == "__main__":
    sys.exit(run("email", EmailSettings, handlers))

"""The email service: its handler, and the real dependencies of it."""

from collections.abc import AsyncIterator

from nightshift import Service, ServiceContext
from nightshift.config.settings import Secret
from nightshift.database import Database
from services.email.deliveries import Deliveries
from services.email.handlers import give_up, send_email
from services.email.mailer import Mailer
from services.email.metrics import MailMetrics
from services.email.patience import Patience
from services.email.rate_limiter import RateLimiter
from services.email.resend import ResendMailer
from services.email.rules import MailRules
from services.email.settings import EmailSettings
from services.email.smtp import SmtpMailer
from services.email.suppressions import DatabaseSuppressions

email = Service("email", settings=EmailSettings)
email.handler(on_dead_letter=give_up)(send_email)


@email.resource
async def mailer(settings: EmailSettings, context: ServiceContext) -> AsyncIterator[Mailer]:
    """The transport, which `nightshift doctor` tries."""
    made = _mailer(settings)
    context.dependencies.register(_provider(settings), made.check)
    yield made
    await made.close()


@email.resource
def deliveries(database: Database) -> Deliveries:
    """The rows of mails that wait."""
    return Deliveries(database)


@email.resource
def suppressions(database: Database, settings: EmailSettings) -> DatabaseSuppressions:
    """The addresses that get no mail."""
    return DatabaseSuppressions(database, settings.mail_transport)


@email.resource
def metrics(context: ServiceContext) -> MailMetrics:
    """Counts what is put off."""
    made = MailMetrics()
    context.metrics.registry.register(made)
    return made


@email.resource
def rules(settings: EmailSettings) -> MailRules:
    """What a mail may ask for."""
    return settings.rules


@email.resource
def patience(settings: EmailSettings) -> Patience:
    """How long to wait for a server that puts a mail off."""
    return settings.patience


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

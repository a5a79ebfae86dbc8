"""What every mailer promises, whatever it sends through: the port's contract."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Protocol

import pytest

from nightshift.config.bearer import bearer
from nightshift.config.secret import Secret
from nightshift.outcomes import Permanent, Snooze
from services.email.mailer import Deferred, Held, Mailbox, Mailer, SendFailedError
from services.email.rate_limiter import RateLimiter
from services.email.resend import ResendMailer
from services.email.smtp import SmtpMailer
from services.email.smtp_config import SmtpServer
from tests.integration.services.email.resend_api import API_KEY, DROP, HANG, Answer, ResendApi, recipients, resend_api
from tests.integration.services.email.smtp_script import SmtpScript, smtp_server
from tests.unit.services.email.mails import mail

ADA, BOB, EVE = (Mailbox("", f"{name}@example.com") for name in ("ada", "bob", "eve"))


class Provider(Protocol):
    """What takes the mail, made to do what a test wants."""

    name: str

    @property
    def mailer(self) -> Mailer:
        """What is tested."""

    def another(self) -> Mailer:
        """A second mailer for the same address."""

    def refuse(self, address: str) -> None:
        """From now on no mail goes to this address."""

    def once(self, deed: str) -> None:
        """Does to the next mail: `later`, `limit`, `hang` or `drop`."""

    def credentials_are_wrong(self) -> None:
        """From now on."""

    def deliveries(self) -> Sequence[list[str]]:
        """The recipients of every mail that was taken."""


class SmtpProvider:
    """An SMTP server."""

    name = "smtp"

    def __init__(self, script: SmtpScript) -> None:
        self.script = script
        self.mailer = self.another()

    def another(self) -> SmtpMailer:
        """See `Provider`."""
        return SmtpMailer(server_of(self.script))

    def refuse(self, address: str) -> None:
        """See `Provider`."""
        self.script.rcpt[address].extend(["550 5.1.1 no such user"] * 10)

    def once(self, deed: str) -> None:
        """See `Provider`."""
        replies = {"later": "451 4.3.0 try again later", "limit": "450 4.7.1 rate limit"}
        self.script.data.append(replies.get(deed, deed))

    def credentials_are_wrong(self) -> None:
        """See `Provider`."""
        self.script.mail.extend(["530 5.7.0 authentication required"] * 10)

    def deliveries(self) -> Sequence[list[str]]:
        """See `Provider`."""
        return [received.recipients for received in self.script.received]


class ResendProvider:
    """Resend's API."""

    name = "resend"

    def __init__(self, api: ResendApi) -> None:
        self.api = api
        self.mailer = self.another()

    def another(self) -> ResendMailer:
        """See `Provider`."""
        return ResendMailer(
            api_key=Secret(API_KEY), url=self.api.url, rate_limiter=RateLimiter(1000), timeout_seconds=0.5
        )

    def refuse(self, address: str) -> None:
        """See `Provider`."""
        self.api.refused.add(address)

    def once(self, deed: str) -> None:
        """See `Provider`."""
        answers = {
            "later": Answer(500, "application_error"),
            "limit": Answer(429, "rate_limit_exceeded", headers={"retry-after": "7"}),
        }
        self.api.script.append(answers.get(deed, deed))

    def credentials_are_wrong(self) -> None:
        """See `Provider`."""
        self.mailer._client.auth = bearer(Secret("re_wrong"))

    def deliveries(self) -> Sequence[list[str]]:
        """See `Provider`."""
        return [recipients(body) for body in self.api.sent]


def server_of(script: SmtpScript, host: str | None = None) -> SmtpServer:
    """Where the script is served, with little patience."""
    return SmtpServer(
        host=host or script.host, port=script.port, tls="none", helo="test.localhost",
        connect_timeout_seconds=2, timeout_seconds=0.5, data_timeout_seconds=0.5, connections=2,
    )  # fmt: skip


@asynccontextmanager
async def serving(kind: str) -> AsyncIterator[Provider]:
    """Runs a provider and its mailer."""
    async with AsyncExitStack() as stack:
        provider: Provider
        if kind == "smtp":
            provider = SmtpProvider(await stack.enter_async_context(smtp_server()))
        else:
            provider = ResendProvider(await stack.enter_async_context(resend_api()))
        stack.push_async_callback(provider.mailer.close)
        yield provider


@pytest.fixture(params=["smtp", "resend"])
async def provider(request: pytest.FixtureRequest) -> AsyncIterator[Provider]:
    """Each of them in turn."""
    async with serving(request.param) as running:
        yield running


async def test_a_mail_goes_to_all_of_its_recipients(provider: Provider) -> None:
    """To, cc and bcc get one mail, and its transport and name there are told."""
    sent = await provider.mailer.send(mail(to=(ADA,), cc=(BOB,), bcc=(EVE,)))
    assert provider.deliveries() == [["ada@example.com", "bob@example.com", "eve@example.com"]]
    assert sent.transport == provider.name
    assert sent.provider_id


async def test_an_unknown_recipient_is_permanent(provider: Provider) -> None:
    """The reason names the recipient."""
    provider.refuse("ada@example.com")
    with pytest.raises(Permanent, match=r"ada@example\.com"):
        await provider.mailer.send(mail())
    assert provider.deliveries() == []


async def test_a_temporary_refusal_puts_the_mail_off_and_the_next_one_works(provider: Provider) -> None:
    """Again later, and not counted."""
    provider.once("later")
    with pytest.raises(Deferred):
        await provider.mailer.send(mail())
    assert provider.deliveries() == []
    await provider.mailer.send(mail())
    assert provider.deliveries() == [["ada@example.com"]]


async def test_who_has_the_mail_does_not_get_it_again(provider: Provider) -> None:
    """The envelope is narrower than the headers."""
    await provider.mailer.send(mail(to=(ADA, BOB), cc=(EVE,)).only_to(("eve@example.com",)))
    assert provider.deliveries() == [["eve@example.com"]]


async def test_a_limit_costs_no_attempt(provider: Provider) -> None:
    """Again later, not counted."""
    provider.once("limit")
    with pytest.raises(Snooze) as outcome:
        await provider.mailer.send(mail())
    assert outcome.value.delay >= timedelta(seconds=7)


async def test_wrong_credentials_cost_no_attempt(provider: Provider) -> None:
    """No job is to blame for a setting: all mail waits until it is right, and the operator is told."""
    provider.credentials_are_wrong()
    for _ in range(2):
        with pytest.raises(Held, match="check"):
            await provider.mailer.send(mail())
    with pytest.raises(Snooze, match="all mail is held back"):
        await provider.mailer.check()


@pytest.mark.parametrize("deed", [HANG, DROP])
async def test_a_lost_answer_is_an_attempt(provider: Provider, deed: str) -> None:
    """The mail was taken, which nobody knows: the reason says so, and the mailer goes on working."""
    provider.once(deed)
    with pytest.raises(SendFailedError, match="may have"):
        await provider.mailer.send(mail())
    await provider.mailer.send(mail(idempotency_key="email.send/job-2"))
    assert provider.deliveries()[-1] == ["ada@example.com"]


@pytest.mark.parametrize("kind", ["smtp", "resend"])
async def test_a_provider_out_of_reach_costs_no_attempt(kind: str) -> None:
    """Where nothing was sent the mail waits, however long the outage."""
    async with serving(kind) as provider:
        pass
    mailer = provider.another()
    with pytest.raises(Snooze) as outcome:
        await mailer.send(mail())
    await mailer.close()
    assert outcome.value.delay >= timedelta(seconds=10)


async def test_a_check_succeeds_and_sends_nothing(provider: Provider) -> None:
    """The operator may check at any time."""
    await provider.mailer.check()
    assert provider.deliveries() == []


@pytest.mark.parametrize("kind", ["smtp", "resend"])
async def test_a_check_says_why_no_mail_can_be_handed_over(kind: str) -> None:
    """The text names the server."""
    async with serving(kind) as provider:
        pass
    mailer = provider.another()
    with pytest.raises(Snooze, match=r"127\.0\.0\.1.* cannot be (used|reached)"):
        await mailer.check()
    await mailer.close()


async def test_closing_twice_is_closing(provider: Provider) -> None:
    """A mailer may be closed before anything was sent, and again."""
    await provider.mailer.close()
    await provider.mailer.close()

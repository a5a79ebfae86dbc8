"""What is sent to Resend's API, and how often."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from nightshift.config.secret import FileSecret, Secret
from nightshift.outcomes import Permanent, Snooze
from services.email.mailer import File, Held, Mailbox, SendFailedError
from services.email.rate_limiter import RateLimiter
from services.email.resend import ResendMailer
from tests.integration.services.email.resend_api import API_KEY, DROP, Answer, ResendApi
from tests.unit.services.email.mails import NOW, mail


@pytest.fixture
async def mailer(api: ResendApi) -> AsyncIterator[ResendMailer]:
    """Sends to the local API."""
    mailer = ResendMailer(api_key=Secret(API_KEY), url=api.url, rate_limiter=RateLimiter(1000), timeout_seconds=2)
    yield mailer
    await mailer.close()


async def test_the_request_is_what_the_api_documents(api: ResendApi, mailer: ResendMailer) -> None:
    """Names, encodings and headers of `POST /emails`."""
    sent = await mailer.send(
        mail(
            to=(Mailbox("Lovelace, Ada", "ada@example.com"), Mailbox("Jörg", "joerg@xn--mller-kva.example")),
            cc=(Mailbox("", "cc@example.com"),),
            bcc=(Mailbox("", "bcc@example.com"),),
            reply_to=Mailbox("", "answers@acme.example"),
            files=(File("a.bin", "application/pdf", b"\x00\xff"),),
        )
    )
    (request,) = api.requests
    assert sent.provider_id == "49a3999c-0000"
    assert request.line == "POST /emails HTTP/1.1"
    assert request.headers["authorization"] == f"Bearer {API_KEY}"
    assert request.headers["idempotency-key"] == "email.send/job-1"
    assert request.headers["user-agent"]
    assert request.body == {
        "from": "Acme <hello@acme.example>",
        "to": ['"Lovelace, Ada" <ada@example.com>', "Jörg <joerg@xn--mller-kva.example>"],
        "cc": ["cc@example.com"],
        "bcc": ["bcc@example.com"],
        "reply_to": "answers@acme.example",
        "subject": "Hi",
        "html": "<p>Hi</p>",
        "text": "Hi\n",
        "attachments": [
            {"filename": "a.bin", "content": base64.b64encode(b"\x00\xff").decode(), "content_type": "application/pdf"}
        ],
    }


async def test_a_repeated_mail_is_sent_once(api: ResendApi, mailer: ResendMailer) -> None:
    """The answer was lost; the next attempt, on another day even, gets the same answer and sends nothing."""
    api.script.append(DROP)
    with pytest.raises(SendFailedError):
        await mailer.send(mail())
    again = await mailer.send(mail(date=NOW + timedelta(hours=1)))
    assert again.provider_id == "49a3999c-0000"
    assert len(api.requests) == 2
    assert len(api.sent) == 1


async def test_another_content_under_the_same_key_is_permanent(api: ResendApi, mailer: ResendMailer) -> None:
    """An attachment that changed between two attempts: nobody can know which one should have gone out."""
    await mailer.send(mail())
    with pytest.raises(Permanent, match="invalid_idempotent_request"):
        await mailer.send(mail(html="<p>Other</p>"))
    assert len(api.sent) == 1


async def test_a_delivery_in_progress_elsewhere_is_waited_for(api: ResendApi, mailer: ResendMailer) -> None:
    """Two workers have the same job: the second one comes back later, without an attempt."""
    api.script.append(Answer(409, "concurrent_idempotent_requests"))
    with pytest.raises(Snooze):
        await mailer.send(mail())


async def test_a_rate_limit_is_waited_for_as_long_as_it_says(api: ResendApi, mailer: ResendMailer) -> None:
    """`Retry-After` is the delay."""
    api.script.append(Answer(429, "rate_limit_exceeded", headers={"retry-after": "13"}))
    with pytest.raises(Snooze) as outcome:
        await mailer.send(mail())
    assert outcome.value.delay == timedelta(seconds=13)


async def test_after_a_refusal_nobody_asks_before_it_says_so(api: ResendApi, mailer: ResendMailer) -> None:
    """The limit is for all mails: the others do not run into it as well, they come back later by themselves."""
    api.script.append(Answer(429, "rate_limit_exceeded", headers={"retry-after": "13"}))
    for _ in range(2):
        with pytest.raises(Snooze) as outcome:
            await mailer.send(mail())
        assert timedelta(seconds=12) < outcome.value.delay <= timedelta(seconds=13)
    assert len(api.requests) == 1


async def test_a_used_up_quota_is_asked_about_once(api: ResendApi, mailer: ResendMailer) -> None:
    """All mail waits as long as Resend says, or an hour, and the operator is told."""
    api.script.append(Answer(429, "daily_quota_exceeded", "You have reached your daily email sending quota"))
    for _ in range(3):
        with pytest.raises(Held, match="daily email sending quota") as outcome:
            await mailer.send(mail())
        assert timedelta(minutes=59) < outcome.value.delay < timedelta(minutes=67)
    assert len(api.requests) == 1
    with pytest.raises(Held, match="all mail is held back"):
        await mailer.check()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("ALL_PROXY", "socks5://127.0.0.1:1080"), ("HTTP_PROXY", "http://[broken"), ("ALL_PROXY", "ftp://127.0.0.1:1")],
)
async def test_a_proxy_that_cannot_be_used_is_named(
    api: ResendApi, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The service starts, and mail goes without it."""
    monkeypatch.setenv(variable, value)
    mailer = ResendMailer(api_key=Secret(API_KEY), url=api.url, rate_limiter=RateLimiter(1000))
    await mailer.send(mail())
    await mailer.close()
    assert caplog.messages[0].startswith(f"{variable} ")


async def test_large_attachments_arrive_whole(api: ResendApi, mailer: ResendMailer) -> None:
    """Encoded off the event loop, and the same."""
    content = bytes(range(256)) * 4096
    await mailer.send(mail(files=(File("a.bin", "application/pdf", content),)))
    assert base64.b64decode(api.sent[0]["attachments"][0]["content"]) == content


async def test_an_answer_that_is_not_resends_is_no_success(api: ResendApi, mailer: ResendMailer) -> None:
    """A wrong address that says 200 to everything must not swallow the mail."""
    api.script.append(Answer(200, raw=b"<html>Welcome</html>"))
    with pytest.raises(SendFailedError, match="RESEND_URL"):
        await mailer.send(mail())


async def test_the_key_stays_secret(api: ResendApi) -> None:
    """It is in the request and nowhere else."""
    mailer = ResendMailer(api_key=Secret("re_other_made_up_key"), url=api.url, rate_limiter=RateLimiter(1000))
    with pytest.raises(Snooze) as outcome:
        await mailer.send(replace(mail(), subject="x"))
    assert "re_other" not in str(outcome.value) + repr(mailer)
    await mailer.close()


async def test_a_replaced_key_is_used_at_once(api: ResendApi, tmp_path: Path) -> None:
    """Of the file that RESEND_API_KEY_FILE names; nobody restarts anything."""
    file = tmp_path / "key"
    file.write_text(API_KEY)
    mailer = ResendMailer(api_key=FileSecret(API_KEY, file.read_text), url=api.url, rate_limiter=RateLimiter(1000))
    await mailer.send(mail())
    file.write_text("re_second_key")
    with pytest.raises(Snooze, match="check RESEND_API_KEY"):
        await mailer.send(mail())
    assert [request.headers["authorization"] for request in api.requests] == [
        f"Bearer {API_KEY}",
        "Bearer re_second_key",
    ]
    await mailer.close()


async def test_of_several_workers_each_asks_once_about_a_used_up_quota(api: ResendApi) -> None:
    """What a pause costs: one refused request for each worker, however many mails they have."""
    workers = [ResendMailer(api_key=Secret(API_KEY), url=api.url, rate_limiter=RateLimiter(1000)) for _ in range(3)]
    api.script.extend(Answer(429, "daily_quota_exceeded", "You have reached your daily quota") for _ in workers)
    for number in range(30):
        with pytest.raises(Held):
            await workers[number % 3].send(mail())
    assert len(api.requests) == 3
    for worker in workers:
        await worker.close()

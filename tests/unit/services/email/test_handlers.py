"""What the handler does with a mail."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from contracts.email import Attachment, SendEmail
from nightshift.database import Database, migrate, open_database, sqlite_url
from nightshift.messaging.job import Job
from nightshift.outcomes import Permanent, Skip, Snooze
from nightshift.testing import FakeObjectStore
from schema.tables import email_deliveries
from services.email.attachments import AttachmentMissingError
from services.email.deliveries import Deliveries
from services.email.handlers import give_up, send_email
from services.email.mailer import AnswerLostError, Deferred, Held, OutgoingMail, SendFailedError, Sent, Transport
from services.email.metrics import MailMetrics
from services.email.rules import MailRules
from tests.unit.services.email.mails import NOW


class FakeMailer:
    """Records mails; `answers` are the outcomes of the next ones: an exception, or who is refused and how."""

    transport: Transport = "smtp"

    def __init__(self, *answers: Exception | Mapping[str, Permanent | Snooze]) -> None:
        self.mails: list[OutgoingMail] = []
        self.answers = list(answers)

    async def send(self, mail: OutgoingMail) -> Sent:
        """See `Mailer`."""
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, Exception):
            raise answer
        self.mails.append(mail)
        return Sent("smtp", "4bXy1z", answer)

    async def check(self) -> None:
        """See `Mailer`."""

    async def close(self) -> None:
        """See `Mailer`."""

    @property
    def recipients(self) -> list[tuple[str, ...]]:
        """To whom each mail went."""
        return [mail.recipients for mail in self.mails]


class FakeSuppressions:
    """Has some addresses on its list, and records the mails that are not sent."""

    def __init__(self, **listed: str) -> None:
        self.listed = {f"{name}@example.com": reason for name, reason in listed.items()}
        self.recorded: list[tuple[str, tuple[str, ...], str]] = []

    async def among(self, addresses: Sequence[str]) -> dict[str, str]:
        """See `Suppressions`."""
        return {
            address.lower(): self.listed[address.lower()] for address in addresses if address.lower() in self.listed
        }

    async def record(self, job: Job, mail: OutgoingMail, why: str, now: datetime) -> None:
        """See `Suppressions`."""
        assert now == NOW
        self.recorded.append((job.id, mail.recipients, why))


class Desk:
    """The handler on a database, at a time that the test sets."""

    def __init__(self, database: Database, mailer: FakeMailer) -> None:
        self.database, self.mailer, self.now = database, mailer, NOW
        self.metrics = MailMetrics()
        self.objects = FakeObjectStore()
        self.suppressions = FakeSuppressions()

    async def send(self, message: SendEmail, *, job_id: str = "job/1") -> Job:
        """Run the handler, commit what it wants written, and return the job."""
        job = Job("email", "email.send", job_id, "~key")
        await send_email(
            message,
            job,
            mailer=self.mailer,
            deliveries=Deliveries(self.database),
            objects=self.objects,
            suppressions=self.suppressions,
            rules=MailRules("Acme <hello@acme.example>", attachment_bytes=100),
            metrics=self.metrics,
            now=lambda: self.now,
        )
        for statement, values in job.writes:
            async with self.database.write() as connection:
                await connection.execute(statement, dict(values or {}))
        return job

    async def rows(self) -> list[Any]:
        """Every delivery."""
        async with self.database.read() as connection:
            return list(await connection.execute(select(email_deliveries).order_by(email_deliveries.c.job_id)))

    async def states(self) -> dict[str, str]:
        """The state of each recipient of the only mail."""
        (row,) = await self.rows()
        return {address: outcome["state"] for address, outcome in row.outcomes.items()}


@pytest.fixture(scope="module")
async def database(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    """With all tables."""
    url = sqlite_url(tmp_path_factory.mktemp("mail") / "mail.db")
    await migrate(url)
    opened = open_database(url)
    yield opened
    await opened.close()


@pytest.fixture
async def desk(database: Database) -> Callable[..., Desk]:
    """Makes a handler whose mailer gives these answers; the table is empty."""
    async with database.write() as connection:
        await connection.execute(delete(email_deliveries))
    return lambda *answers: Desk(database, FakeMailer(*answers))


def message(**changes: Any) -> SendEmail:
    """A message with whatever should be different."""
    return SendEmail(**{"to": "Ada <ada@example.com>", "subject": "Hi", "body": "<p>Hi</p>"} | changes)


LATER = Deferred("the mail server refused the recipient: 451 Temporary failure, please try again later.")
NOBODY = Permanent("the mail server refused the recipient bob@example.com: 550 5.1.1 no such user")
Make = Callable[..., Desk]


async def test_a_sent_mail_is_noted(desk: Make) -> None:
    """A row says to whom, through what, when, under which ids, and that everybody has it; one statement for all."""
    at = desk()
    job = await at.send(message(bcc="bob@example.com"))
    other = await at.send(message(), job_id="job/2")
    ((statement, _),), ((other_statement, _),) = job.writes, other.writes
    assert statement is other_statement
    row = (await at.rows())[0]
    assert (row.job_id, row.recipients) == ("job/1", ["ada@example.com", "bob@example.com"])
    assert (row.subject, row.transport, row.provider_id) == ("Hi", "smtp", "4bXy1z")
    assert (row.message_id, row.sent_at) == ("<~key.email.send@acme.example>", NOW)
    assert (row.status, row.tries, row.deferred_at) == ("sent", 0, None)
    assert {outcome["state"] for outcome in row.outcomes.values()} == {"accepted"}


async def test_a_mail_that_is_put_off_waits_on_its_own_budget(desk: Make) -> None:
    """Five minutes, ten, twenty … up to an hour; the row says that it waits, since when, and what the server said."""
    at = desk(*[LATER] * 6)
    delays: list[timedelta] = []
    for _ in range(6):
        with pytest.raises(Snooze, match="451 Temporary failure") as outcome:
            await at.send(message())
        delays.append(outcome.value.delay)
        at.now += outcome.value.delay
    for delay, minutes in zip(delays, (5, 10, 20, 40, 60, 60), strict=True):
        assert timedelta(minutes=minutes) <= delay <= timedelta(minutes=minutes * 1.1)
    (row,) = await at.rows()
    assert (row.status, row.tries, row.deferred_at, row.sent_at) == ("waiting", 6, NOW, None)
    assert "451 Temporary failure" in row.outcomes["ada@example.com"]["reply"]
    assert at.metrics.deferred == 6
    await at.send(message())
    (row,) = await at.rows()
    assert (row.status, row.sent_at) == ("sent", at.now)


async def test_a_server_that_never_takes_the_mail_has_the_last_word(desk: Make) -> None:
    """After the budget the mail is a dead letter, which says how long it waited and what was said at last."""
    at = desk(LATER, LATER)
    with pytest.raises(Snooze):
        await at.send(message())
    at.now += timedelta(hours=48)
    with pytest.raises(Permanent, match=r"451 Temporary failure.*put off 2 times since 2026-07-24 09:30 UTC"):
        await at.send(message())
    (row,) = await at.rows()
    assert row.status == "failed"
    assert await at.states() == {"ada@example.com": "refused"}


async def test_whom_the_server_accepts_gets_the_mail_once(desk: Make) -> None:
    """What is tried again goes to those who wait alone, until each has an outcome."""
    at = desk({"bob@example.com": LATER, "eve@example.com": LATER}, {"eve@example.com": LATER})
    everybody = message(to=("ada@example.com", "bob@example.com"), bcc="eve@example.com")
    for _ in range(2):
        with pytest.raises(Snooze):
            await at.send(everybody)
    assert await at.states() == {
        "ada@example.com": "accepted", "bob@example.com": "accepted", "eve@example.com": "waiting",
    }  # fmt: skip
    await at.send(everybody)
    assert at.mailer.recipients == [
        ("ada@example.com", "bob@example.com", "eve@example.com"),
        ("bob@example.com", "eve@example.com"),
        ("eve@example.com",),
    ]
    assert all(len(mail.to) == 2 for mail in at.mailer.mails), "the headers name everybody each time"
    (row,) = await at.rows()
    assert (row.status, row.sent_at) == ("sent", NOW)


async def test_one_who_is_refused_for_good_keeps_the_mail_from_nobody(desk: Make) -> None:
    """The dead letter names who was refused and says that the others have it; tried again, it goes to the refused."""
    at = desk({"bob@example.com": NOBODY})
    both = message(to=("ada@example.com", "bob@example.com"))
    with pytest.raises(Permanent, match=r"bob@example\.com: 550 5\.1\.1 no such user; the other 1 have it"):
        await at.send(both)
    assert await at.states() == {"ada@example.com": "accepted", "bob@example.com": "refused"}
    await at.send(both)
    assert at.mailer.recipients[1:] == [("bob@example.com",)]
    assert await at.states() == {"ada@example.com": "accepted", "bob@example.com": "accepted"}


async def test_who_waits_is_waited_for_before_the_refused_make_a_dead_letter(desk: Make) -> None:
    """A dead letter has everybody's outcome."""
    at = desk({"bob@example.com": NOBODY, "eve@example.com": LATER})
    all_three = message(to=("ada@example.com", "bob@example.com", "eve@example.com"))
    with pytest.raises(Snooze):
        await at.send(all_three)
    with pytest.raises(Permanent, match="no such user"):
        await at.send(all_three)
    assert at.mailer.recipients[1:] == [("eve@example.com",)]


async def test_recipients_beyond_one_transaction_follow_at_once(desk: Make) -> None:
    """A server that takes so many recipients at a time is no greylist; where it takes nobody, it is one."""
    more = Deferred("452 4.5.3 too many recipients", asked=timedelta(seconds=1))
    at = desk({"bob@example.com": more}, Deferred("452 4.5.3", refused={"bob@example.com": more}))
    both = message(to=("ada@example.com", "bob@example.com"))
    with pytest.raises(Snooze) as outcome:
        await at.send(both)
    assert outcome.value.delay == timedelta(seconds=1)
    with pytest.raises(Snooze) as outcome:
        await at.send(both)
    assert outcome.value.delay > timedelta(minutes=5)


async def test_the_end_of_a_sender_is_not_the_end_of_the_mail(desk: Make) -> None:
    """A quota, an outage and a lost answer pass through: they say nothing about this mail, and note nothing."""
    outcomes = (Held(timedelta(hours=1), "quota"), Snooze(timedelta(seconds=30), "away"), SendFailedError("no answer"))
    at = desk(*outcomes)
    for outcome in outcomes:
        with pytest.raises(type(outcome)) as raised:
            await at.send(message())
        assert raised.value is outcome
    assert await at.rows() == []


async def test_a_mail_whose_answers_are_lost_is_sent_a_few_times_only(desk: Make) -> None:
    """Each may be a mail too many: the fourth is the last, the row says what is known, and the letter how often."""
    lost = AnswerLostError("the connection broke: the message may have been accepted")
    at = desk(lost, lost, lost, lost)
    for _ in range(3):
        with pytest.raises(AnswerLostError):
            await at.send(message())
        (row,) = await at.rows()
        assert row.status == "waiting"
        assert "may have been accepted" in row.outcomes["ada@example.com"]["reply"]
    with pytest.raises(Permanent, match=r"may have been accepted; that was 4 times"):
        await at.send(message())
    (row,) = await at.rows()
    assert row.status == "failed"


async def test_a_lost_answer_may_be_followed_by_a_yes(desk: Make) -> None:
    """Then the mail is sent."""
    at = desk(AnswerLostError("no answer"))
    with pytest.raises(AnswerLostError):
        await at.send(message())
    await at.send(message())
    assert await at.states() == {"ada@example.com": "accepted"}


async def test_the_mail_of_a_dead_letter_waits_no_more(desk: Make) -> None:
    """However its job ended, the row has its final state."""
    at = desk(LATER)
    with pytest.raises(Snooze):
        await at.send(message())
    job = Job("email", "email.send", "job/1", "~key")
    await give_up(message(), job, "attempts exhausted", deliveries=Deliveries(at.database))
    (row,) = await at.rows()
    assert row.status == "failed"


async def test_an_id_used_anew_after_the_inbox_forgot_it_is_another_mail(desk: Make) -> None:
    """A mail that everybody has got is no reason to send another one to nobody."""
    at = desk()
    await at.send(message())
    await at.send(message())
    assert at.mailer.recipients == [("ada@example.com",), ("ada@example.com",)]
    assert len(await at.rows()) == 2


async def test_attachments_are_sent_along(desk: Make) -> None:
    """The bytes come from the object store."""
    at = desk()
    await at.objects.put("reports/a.txt", b"hello", "text/plain")
    await at.send(message(attachments=(Attachment(key="reports/a.txt", file_name="A.txt"),)))
    assert at.mailer.mails[0].files[0].content == b"hello"


async def test_no_mail_goes_without_its_attachment(desk: Make) -> None:
    """Where one is missing, nothing is sent."""
    at = desk()
    with pytest.raises(AttachmentMissingError):
        await at.send(message(attachments=(Attachment(key="reports/a.txt", file_name="A.txt"),)))
    assert at.mailer.mails == []


@pytest.mark.parametrize(
    ("forbidden", "setting"),
    [
        ({"sender": "ceo@bank.example"}, "MAIL_SENDERS"),
        ({"attachments": (Attachment(key="uploads/bob/1", file_name="1"),)}, "MAIL_ATTACHMENT_PREFIXES"),
    ],
)
async def test_what_is_not_allowed_is_given_up_before_anything_is_read(
    desk: Make, forbidden: Any, setting: str
) -> None:
    """A foreign sender, somebody's file: a dead letter that names the setting, though the store would not answer."""
    at = desk()
    at.objects.unavailable = "gone"
    with pytest.raises(Permanent, match=setting):
        await at.send(message(**forbidden))
    assert at.mailer.mails == []


async def test_long_html_is_read_off_the_event_loop(desk: Make) -> None:
    """The result is the same; other jobs go on meanwhile."""
    at = desk()
    await at.send(message(body="<p>word</p>" * 20_000))
    assert at.mailer.mails[0].text.count("word") == 20_000


async def test_an_address_on_the_suppression_list_is_left_out(desk: Make) -> None:
    """The others get their mail, and the row says who did not, and why; capitals make no other address."""
    at = desk()
    at.suppressions = FakeSuppressions(bob="complained", eve="bounced")
    await at.send(message(to=("ada@example.com", "Bob@Example.com"), cc="cyd@example.com", bcc="eve@example.com"))
    assert at.mailer.recipients == [("ada@example.com", "cyd@example.com")]
    (row,) = await at.rows()
    assert row.recipients == ["ada@example.com", "cyd@example.com"]
    assert row.status_reason == (
        "left out, as the suppression list has bob@example.com (complained), eve@example.com (bounced)"
    )


async def test_a_mail_that_is_for_nobody_any_more_is_not_sent(desk: Make) -> None:
    """There is nothing to do, also where a copy would be left: the row and the log say why."""
    at = desk()
    at.suppressions = FakeSuppressions(ada="bounced")
    with pytest.raises(Skip, match=r"^not sent, as the suppression list has ada@example.com \(bounced\)$"):
        await at.send(message(cc="cyd@example.com"))
    assert at.mailer.mails == []
    reason = "not sent, as the suppression list has ada@example.com (bounced)"
    assert at.suppressions.recorded == [("job/1", ("ada@example.com", "cyd@example.com"), reason)]


async def test_who_comes_to_the_suppression_list_while_waiting_is_waited_for_no_more(desk: Make) -> None:
    """The mail is done when the others have it; if there are no others, its row waits no more."""
    at = desk({"bob@example.com": LATER}, LATER)
    with pytest.raises(Snooze):
        await at.send(message(to=("ada@example.com", "bob@example.com")))
    at.suppressions = FakeSuppressions(bob="complained")
    await at.send(message(to=("ada@example.com", "bob@example.com")))
    (row,) = await at.rows()
    assert (row.status, row.outcomes.keys()) == ("sent", {"ada@example.com"})
    at.suppressions = FakeSuppressions()
    with pytest.raises(Snooze):
        await at.send(message(), job_id="job/2")
    at.suppressions = FakeSuppressions(ada="bounced")
    with pytest.raises(Skip):
        await at.send(message(), job_id="job/2")
    assert [row.status for row in await at.rows()] == ["sent", "failed"]

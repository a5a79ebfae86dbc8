"""A stack on which something has happened: for pictures that show what the console is for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
from sqlalchemy import insert

from contracts.email import SendEmail
from nightshift.broker import Connection
from nightshift.contract import wire
from nightshift.contract.job_events import JobEvent
from nightshift.database import migrate, open_database
from nightshift.database.tables import processed_messages
from nightshift.embedded.servers.broker import Broker
from nightshift.messaging.publisher import Publisher
from nightshift.topology.discovery import Responder, WorkerInfo, describe_self
from nightshift.worker.event_feed import EventFeed
from tests.harness import eventually, provisioned
from tests.integration.services.console import seed
from tests.integration.services.console.bulks import begin_redrive, hidden_in, shows
from tests.integration.services.console.harness import Browser, Console, console, people
from tests.pictures.screens import JOB, REDRIVE
from tests.servers import running

AGO = timedelta(minutes=4)
"""Since the job that is shown was done."""
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HOSTS = {"email": 2, "upload": 1, "sync": 2, "report": 1, "scheduler": 1}
MAIL = SendEmail(to="ada@example.com", subject="Your weekly report", body="<p>It is ready.</p>")


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Console]:
    """A console with all of that before it."""
    url = f"sqlite+aiosqlite:///{folder / 'nightshift.db'}"
    await migrate(url)
    await _jobs_done(url)
    file = folder / "people.toml"
    file.write_text(people(root="admin"), encoding="utf-8")
    (folder / "broker").mkdir()
    async with running(Broker(folder / "broker")) as broker, provisioned(broker) as operator:
        await _queues(operator)
        await _events(operator)
        for service, count in HOSTS.items():
            for number in range(count):
                await Responder(operator, partial(_worker, service, number)).start()
        seed.mail(folder / "mail")
        settings = {"console_users_file": str(file), "console_name": "production", "database_url": url}
        settings["console_mail_folder"] = str(folder / "mail")
        async with console(folder, broker, **settings) as desk:
            async with desk.person("root") as browser:
                await shows(browser, "/dead", "no mailbox")
                pause = "/queues/sync/pause"
                asked = hidden_in((await browser.open(pause)).text)
                why = {"until": "until-resumed", "reason": "the provider asks for it, until their migration is over"}
                answer = await browser.send(pause, on=pause, **(asked | why))
                assert answer.status_code == 200, answer.text
                await begin_redrive(browser, "TimeoutError", letters=3, canary=1, name=REDRIVE)
                await eventually(lambda: _rests(browser), what="the queues rest, after what the canary added")
            yield desk


async def _rests(browser: Browser) -> bool:
    text = (await browser.open("/queues/email")).text
    return "<dd>241 " in text and "Full in" not in text


def _worker(service: str, number: int) -> WorkerInfo:
    began = datetime.now(UTC) - timedelta(days=3, hours=number)
    me = describe_self(service, "http://127.0.0.1:1")
    return msgspec.structs.replace(
        me,
        host=f"{service}-{number + 1}",
        pid=1,
        started=began,
        slots=20,
        in_flight=number,
        finished=41_250 - number,
        loop_lag_seconds=0.004 * (number + 1),
    )


async def _jobs_done(url: str) -> None:
    database, now = open_database(url), datetime.now(UTC)
    kinds = [("email", "email.send"), ("report", "report.generate"), ("upload", "upload.process")]
    rows = [
        {
            "consumer": kinds[number % 3][0],
            "type": kinds[number % 3][1],
            "id": f"order-{4200 + number}",
            "processed_at": now - timedelta(seconds=7 * number),
            "attempt": 1 + number % 7 // 6,
            "took_ms": 38 + number * 13 % 400,
            "tenant": "acme" if number % 4 == 0 else None,
            "outcome": None if number % 9 else "skipped",
            "result": None,
        }
        for number in range(12)
    ]
    weekly = {"consumer": "report", "type": "report.generate", "id": JOB, "processed_at": now - AGO}
    more = {"attempt": 3, "took_ms": 1284, "tenant": "acme", "outcome": None, "result": '{"rows":1873,"mailed":true}'}
    async with database.write() as connection:
        await connection.execute(insert(processed_messages), [*rows, weekly | more])
    await database.close()


async def _queues(operator: Connection) -> None:
    now = datetime.now(UTC)
    await seed.waiting(operator, 240)
    await seed.waiting(operator, 35, "report.generate")
    await seed.waiting(operator, 12, "sync.external")
    publisher = Publisher(operator)
    for number in range(8):
        await publisher.publish_later(MAIL, at=now + timedelta(minutes=15 * number + 5), job_id=f"reminder-{number}")
    await seed.later(operator, 5, "email.send", attempts=1)
    for number in range(14):
        died = now - timedelta(minutes=3 * number + 2)
        error = f"SmtpError: 550 5.1.1 no mailbox {1000 + number}"
        await seed.dead(operator, error, job_id=f"welcome-{number}", died=died, attempts=MAIL.RETRIES.most)
    for number in range(3):
        error = "TimeoutError: smtp.example.com did not answer within 30 s"
        died = now - timedelta(hours=number + 1)
        await seed.dead(operator, error, job_id=f"receipt-{number}", died=died, attempts=MAIL.RETRIES.most)
    broken = "UploadError: the image is cut off after 4,096 bytes"
    await seed.dead(operator, broken, job_id="photo-17", job_type="upload.process", died=now - timedelta(hours=5))


async def _events(operator: Connection) -> None:
    ended = datetime.now(UTC) - AGO
    child = f"report/report.generate/{wire.safe_token(JOB)}/0/0123456789abcdef"
    own = {"type": "report.generate", "id": JOB, "trace": TRACE, "tenant": "acme"}
    turns = (
        (3, own | {"what": "retry", "attempt": 1, "ms": 812.0, "error": "OperationalError"}),
        (2, own | {"what": "retry", "attempt": 2, "ms": 30_000.0, "error": "TimeoutError"}),
        (0, own | {"what": "done", "attempt": 3, "ms": 1284.0}),
        (0, own | {"type": "email.send", "id": child, "what": "done", "attempt": 1, "ms": 95.0}),
    )
    for minutes, turn in turns:
        event = msgspec.convert(turn, JobEvent)
        at = ended - timedelta(minutes=minutes)
        feed = EventFeed(wire.service_of(event.type), operator, now=partial(_same, at))
        feed.tell(event)
        feed.flush()
    await operator.flush()


def _same(at: datetime) -> datetime:
    return at

"""A producer's own program: the library without extras, its own message class, a real broker."""

from pathlib import Path

from nightshift.broker import connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.stack import Stack
from tests.packaging.conftest import Install

PROGRAM = """
import asyncio
import sys
from typing import ClassVar

from nightshift import Job, Message, ProcessSettings, Publisher, connect


class SendEmail(Message):
    SUBJECT: ClassVar[str] = "jobs.email.send"

    to: str
    subject: str
    body: str


async def main() -> None:
    connection = await connect(ProcessSettings(nats_url=sys.argv[1]), name="web", wait_seconds=5)
    mail = SendEmail(to="ada@example.com", subject="Hello", body="<p>Hello Ada</p>")
    receipt = await Publisher(connection).publish(mail, job_id="one")
    await connection.close()
    print(receipt.stream, receipt.job_id, Job.__name__)


asyncio.run(main())
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(loaded & {"sqlalchemy", "minio", "prometheus_client", "alembic", "uvloop", "opentelemetry"}))
"""


async def test_a_producer_needs_nothing_but_the_client_and_msgspec(
    stack: Stack, install: Install, tmp_path: Path
) -> None:
    """It publishes, and the broker has the job."""
    await stack.provision()
    assert install().run(PROGRAM, stack.broker.url, folder=tmp_path).splitlines() == ["EMAIL one Job", "[]"]
    connection = await connect(ProcessSettings(nats_url=stack.broker.url), name="test")
    try:
        assert (await manage(connection, "STREAM.INFO.EMAIL"))["state"]["messages"] == 1
    finally:
        await connection.close()

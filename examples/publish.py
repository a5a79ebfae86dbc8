"""Publish jobs from any Python program: now, later, many at once."""

import asyncio
from datetime import timedelta

from contracts.email import SendEmail
from nightshift import ProcessSettings, Publisher, connect


async def main() -> None:
    """Publish four mails, and cancel one that waits."""
    settings = ProcessSettings(nats_url="nats://127.0.0.1:4222")  # the address that `make up` prints
    connection = await connect(settings, name="web", wait_seconds=5)
    publisher = Publisher(connection)
    mail = SendEmail(to="ada@example.com", subject="Hello", body="<p>Hello Ada</p>")
    await publisher.publish(mail, job_id="welcome-17")  # now; the id makes it happen once
    await publisher.publish_later(mail, delay=timedelta(hours=12), job_id="reminder-17")
    await publisher.cancel("email.send", "reminder-17")
    await publisher.publish_many([mail, mail])  # up to 1,000, all or nothing
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main())

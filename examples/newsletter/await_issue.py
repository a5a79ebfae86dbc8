"""Publish a job, and wait for what it returns: needs the broker and nothing else."""

import asyncio
import os
import sys

import msgspec

from examples.newsletter.contracts import SendIssue
from nightshift import JobDeadError, JobNotOverError, ProcessSettings, Publisher, connect


class Delivered(msgspec.Struct):
    """What `newsletter.send` returns."""

    file: str


async def main(reader: str, week: str) -> None:
    """Have an issue delivered, and say where it is, or what became of it."""
    settings = ProcessSettings(nats_url=os.environ.get("NATS_URL", "nats://127.0.0.1:4222"))
    connection = await connect(settings, name="web", wait_seconds=5)
    publisher = Publisher(connection)
    try:
        issue = SendIssue(reader=reader, week=week)
        delivered = await publisher.publish_and_wait(issue, Delivered, job_id=f"{week}-{reader}", timeout_seconds=10)
        print(f"it is in {delivered.file}")
    except JobDeadError as dead:
        print(f"it will never be delivered: {dead.reason}")  # nightshift dlq list says more
    except JobNotOverError as late:
        print(f"it is on its way: {late}")  # the same call with the same id waits for the same job
    finally:
        await connection.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""Do by hand what a web application does: store its part, publish the job, and show the result.

python -m demo.example_app upload photo.jpg
"""

import argparse
import asyncio
import contextlib
import mimetypes
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Table, insert, select

from contracts.report import GenerateReport
from contracts.upload import ProcessUpload
from nightshift.broker import connect
from nightshift.config import env_file
from nightshift.config.env_settings import load
from nightshift.config.settings import Settings
from nightshift.contract.message import Message
from nightshift.database import Database
from nightshift.embedded.stack import Stack
from nightshift.messaging.publisher import Publisher
from nightshift.objects.s3 import S3ObjectStore
from nightshift.observability.log import configure
from nightshift.outcomes import Unavailable
from nightshift.runtime.composition import database_of
from nightshift.runtime.object_stores import object_store
from schema.tables import files, reports, users

KINDS = ("weekly-summary", "user-activity", "storage-usage")
_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.1
_ENDS = ("processed", "done", "failed")


class NotDoneError(Exception):
    """The job failed, or cannot be published; the text says where to look."""


@dataclass(frozen=True)
class Application:
    """The connections of a web application: database, object store and broker."""

    database: Database
    objects: S3ObjectStore
    publisher: Publisher
    out: Path

    async def upload(self, path: Path) -> list[str]:
        """Store the object, then its row, then publish the job; return the result in lines."""
        user_id, file_id = uuid.uuid4().hex, uuid.uuid4().hex
        key, content_type = f"uploads/{user_id}/{file_id}", mimetypes.guess_type(path.name)[0]
        await self.objects.upload(key, path, content_type or "application/octet-stream")
        common = {"original_name": path.name, "object_key": key, "content_type": content_type, "status": "uploaded"}
        user = {"id": user_id, "email": f"{user_id}@example.com", "name": "You", "created_at": datetime.now(UTC)}
        async with self.database.write() as connection:
            await connection.execute(insert(users), user)
            await connection.execute(
                insert(files), {"id": file_id, "user_id": user_id, **common, "created_at": user["created_at"]}
            )
        await self._publish(ProcessUpload(file_id=file_id, user_id=user_id), f"upload-{file_id}")
        row = await self._end(files, file_id)
        facts = [f"{row['content_type']}, {row['size']:,} bytes, SHA-256 {row['checksum']}"]
        facts += [f"{name}: {value}" for name, value in (row["metadata"] or {}).items()]
        return facts + await self._fetched(row["thumbnail_key"], f"{path.stem}-thumbnail.webp")

    async def report(self, kind: str, reader: str) -> list[str]:
        """Store the row of a report, publish the job; return the result in lines."""
        report_id = uuid.uuid4().hex
        row = {"id": report_id, "kind": kind, "requester_email": reader, "created_at": datetime.now(UTC)}
        async with self.database.write() as connection:
            await connection.execute(insert(reports), row)
        await self._publish(GenerateReport(report_id=report_id), f"report-{report_id}")
        made = await self._end(reports, report_id)
        page = await self._fetched(made["html_key"], f"{kind}.html")
        return [*page, *await self._fetched(made["csv_key"], f"{kind}.csv"), f"and a mail to {reader}"]

    async def _publish(self, message: Message, job_id: str) -> None:
        receipt = await self.publisher.publish(message, job_id=job_id)
        print(f"{receipt.subject} {receipt.job_id}: stored at the broker", flush=True)

    async def _end(self, table: Table, row_id: str) -> Any:
        """Return the job's row when a service has finished it."""
        query = select(table).where(table.c.id == row_id, table.c.status.in_(_ENDS))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                while True:
                    async with self.database.read() as connection:
                        row = (await connection.execute(query)).mappings().first()
                    if row is not None:
                        break
                    await asyncio.sleep(_POLL_SECONDS)
            if row["status"] == "failed":
                raise NotDoneError(f"it was given up on, nightshift dlq list shows it: {row['error']}")
            return row
        raise NotDoneError(f"not done within {_TIMEOUT_SECONDS:g} s; nightshift queues list says where it is")

    async def _fetched(self, key: str | None, name: str) -> list[str]:
        if key is None:
            return []
        self.out.mkdir(parents=True, exist_ok=True)
        await self.objects.download(key, self.out / name)
        return [str(self.out / name)]


@contextlib.asynccontextmanager
async def application(folder: Path) -> AsyncIterator[Application]:
    """Connect the application to the stack that runs in a folder.

    Raises:
        NotDoneError: no stack runs there.
    """
    environ = env_file.read(folder)
    if not environ:
        raise NotDoneError(f"no stack runs in {folder}: start it with make up")
    settings = load(Settings, environ)
    database, objects = database_of(settings), object_store(settings)
    connection = await connect(settings, name="application", wait_seconds=5)
    try:
        yield Application(database, objects, Publisher(connection, objects), folder / "out")
    finally:
        await connection.close()
        await database.close()
        await objects.close()


async def _run(options: argparse.Namespace) -> list[str]:
    async with application(options.folder) as app:
        if options.what == "upload":
            return await app.upload(options.file)
        return await app.report(options.kind, options.to)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit code: 0 done, 1 not done, 2 for wrong arguments."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.what == "upload" and not options.file.is_file():
        parser.error(f"{options.file} is no file")
    configure("application", "text", "error", sys.stderr)
    try:
        for line in asyncio.run(_run(options)):
            print(f"  {line}")
    except (NotDoneError, Unavailable) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo.example_app",
        description="Act as the web application beside `make up`: store a file or request a report, publish the "
        "job, wait for it, and fetch the result.",
        epilog="example: python -m demo.example_app upload demo/samples/chelsea.jpg",
    )
    parser.add_argument("--folder", type=Path, default=Stack.kept().folder, help="where the stack runs (var/up)")
    parts = parser.add_subparsers(dest="what", required=True, metavar="upload|report")
    upload = parts.add_parser("upload", help="a file: its object, its row, the job upload.process")
    upload.add_argument("file", type=Path)
    report = parts.add_parser("report", help="a report about the database: its row, the job report.generate")
    report.add_argument("kind", choices=KINDS)
    report.add_argument("--to", default="you@example.com", metavar="ADDRESS", help="whom to tell (you@example.com)")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""What the tests of the cleanups share: rows that are easily made, and a cleanup run like the chassis does it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import Table, insert, select

from contracts.maintenance import CleanActivity, CleanClaims, CleanFiles, CleanInbox, CleanSessions
from nightshift.config.secret import Secret
from nightshift.contract import wire
from nightshift.contract.message import Message
from nightshift.database import Database
from nightshift.messaging.job import Job
from nightshift.objects import ObjectMissingError, ObjectStore
from nightshift.worker.commit import Committer
from schema.tables import cleanup_runs, files, users
from services.maintenance import handlers
from services.maintenance.cleanup_runs import CleanupRuns
from services.maintenance.metrics import CleanupMetrics
from services.maintenance.settings import MaintenanceSettings

M = TypeVar("M", bound=Message)
DAY = timedelta(days=1)
NOW = datetime.now(UTC) + 8 * DAY
"""The present of the cleanups. An object's age is the store's own: eight days later, what is stored now is old."""


def settings(**values: Any) -> MaintenanceSettings:
    """The service's settings."""
    return MaintenanceSettings(
        database_url=Secret("sqlite:///unused"),
        s3_endpoint="http://127.0.0.1:1",
        s3_access_key="unused",
        s3_secret_key=Secret("unused"),
        **values,
    )


@dataclass
class Desk:
    """Something to clean up."""

    database: Database
    objects: ObjectStore
    metrics: CleanupMetrics = field(default_factory=lambda: CleanupMetrics([]))

    async def clean(self, message: Message, job_id: str = "", *, now: datetime = NOW, **values: Any) -> Job:
        """Runs a cleanup and commits it, as the chassis does."""
        job_id = job_id or uuid4().hex
        job = Job("maintenance", message.TYPE, job_id, wire.safe_token(job_id))
        await self.handle(message, job, now=now, **values)
        assert await Committer(self.database).commit(job)
        return job

    async def clean_all(self, message: Message, job_id: str, *, now: datetime = NOW, **values: Any) -> list[str]:
        """Runs a cleanup and its successors until none has more to do; returns their ids."""
        ids: list[str] = []
        following: Message | None = message
        while following is not None and len(ids) < 50:
            job = await self.clean(following, job_id, now=now, **values)
            ids.append(job_id)
            follow_up = next(iter(job.follow_ups), None)
            following, job_id = (follow_up.message, follow_up.job_id or "") if follow_up else (None, "")
        return ids

    async def handle(self, message: Message, job: Job, *, now: datetime = NOW, **values: Any) -> None:
        """Runs the handler of a message, without its commit."""
        runs, chosen = CleanupRuns(self.database, self.metrics, lambda: now), settings(**values)
        match message:
            case CleanSessions():
                await handlers.clean_sessions(message, job, runs=runs, settings=chosen)
            case CleanActivity():
                await handlers.clean_activity(message, job, runs=runs, settings=chosen)
            case CleanInbox():
                await handlers.clean_inbox(message, job, runs=runs, settings=chosen)
            case CleanClaims():
                await handlers.clean_claims(message, job, objects=self.objects, runs=runs, settings=chosen)
            case CleanFiles():
                await handlers.clean_files(message, job, objects=self.objects, runs=runs, settings=chosen)

    async def add(self, table: Table, *rows: dict[str, Any]) -> None:
        """Writes rows."""
        async with self.database.write() as connection:
            await connection.execute(insert(table), list(rows))

    async def add_user(self, user_id: str = "user-17") -> None:
        """Writes a user."""
        await self.add(users, {"id": user_id, "email": f"{user_id}@example.com"})

    async def add_file(self, file_id: str, owner: str | None = "user-17", *, days: float = 100, **values: Any) -> str:
        """A file's row of some age with its object, as the gateway leaves them; returns the object's key."""
        key = f"uploads/{owner or 'gone'}/{file_id}"
        row = {"id": file_id, "user_id": owner, "object_key": key, "original_name": "a.bin", "status": "processed"}
        await self.objects.put(key, b"bytes", "application/octet-stream")
        await self.add(files, {**row, "created_at": NOW - days * DAY, "thumbnail_key": None, **values})
        return key

    async def put(self, *keys: str) -> None:
        """Stores objects."""
        for key in keys:
            await self.objects.put(key, b"bytes", "application/octet-stream")

    async def ids(self, table: Table) -> list[str]:
        """The ids of a table's rows, sorted."""
        async with self.database.read() as connection:
            return sorted((await connection.execute(select(table.c.id))).scalars())

    async def keys(self, prefix: str = "") -> list[str]:
        """The keys of all objects, sorted."""
        return sorted([entry.key async for entry in self.objects.list(prefix)])

    async def exists(self, key: str) -> bool:
        """Whether there is an object."""
        try:
            await self.objects.stat(key)
        except ObjectMissingError:
            return False
        return True

    async def runs(self) -> Sequence[Any]:
        """The rows of all runs, in their order."""
        async with self.database.read() as connection:
            return (await connection.execute(select(cleanup_runs).order_by(cleanup_runs.c.job_id))).all()

    async def last_run(self) -> Any:
        """The row of the only run."""
        (run,) = await self.runs()
        return run

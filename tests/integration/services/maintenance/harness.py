"""A database and a bucket to clean up, and cleanups on them that run through the worker's own pipeline."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from nightshift.config.secret import Secret
from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.message import Message
from nightshift.database import Database
from nightshift.objects import ObjectMissingError, ObjectStore, ObjectTransfers
from nightshift.testing import JobResult, perform_job, route_of
from schema.tables import cleanup_runs, files, users
from services.maintenance.cleanup_runs import CleanupRuns
from services.maintenance.metrics import CleanupMetrics
from services.maintenance.service import maintenance
from services.maintenance.settings import MaintenanceSettings

DAY = timedelta(days=1)
NOW = datetime.now(UTC) + 8 * DAY
"""The present of the cleanups. An object's age is the store's own: eight days later, what is stored now is old."""
Step = Callable[[AsyncConnection], Awaitable[None]]


def settings(**values: Any) -> MaintenanceSettings:
    """The service's settings."""
    return MaintenanceSettings(
        database_url=Secret("sqlite:///unused"),
        s3_endpoint="http://127.0.0.1:1",
        s3_access_key="unused",
        s3_secret_key=Secret("unused"),
        **values,
    )


class Disturbed:
    """A cleanup's database in which something happens at its writing transactions, by their number from 1.

    The first one writes the run's row, the others delete page after page. `before` comes before a transaction begins,
    with a transaction of its own; `within` at its end, before the commit.
    """

    def __init__(
        self, database: Database, *, before: Step | None = None, within: dict[int, Step] | None = None
    ) -> None:
        self._database, self._before, self._within = database, before, within or {}
        self.read = database.read
        self.writes = 0

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that writes, disturbed."""
        self.writes += 1
        number = self.writes
        if self._before and number > 1:
            async with self._database.write() as connection:
                await self._before(connection)
        async with self._database.write() as connection:
            yield connection
            if number in self._within:
                await self._within[number](connection)


async def lose_the_machine(_: AsyncConnection) -> None:
    """End the transaction as a machine does that is lost."""
    raise ConnectionAbortedError


@dataclass
class CleanupHarness:
    """Something to clean up."""

    database: Database
    objects: ObjectStore
    transfers: ObjectTransfers
    metrics: CleanupMetrics = field(default_factory=lambda: CleanupMetrics([]))

    async def perform(
        self,
        message: Message,
        job_id: str = "",
        *,
        now: datetime = NOW,
        disturbed: Disturbed | None = None,
        **values: Any,
    ) -> JobResult:
        """Run one cleanup, whatever comes of it; `values` are settings."""
        runs = CleanupRuns(cast("Database", disturbed or self.database), self.metrics, lambda: now)
        given = {"runs": runs, "objects": self.objects, "transfers": self.transfers, "settings": settings(**values)}
        handler = route_of(maintenance, type(message), **given)
        return await perform_job(handler, message, database=self.database, objects=self.objects, job_id=job_id)

    async def clean(self, message: Message, job_id: str = "", **options: Any) -> JobResult:
        """Run one cleanup that succeeds; the options are those of `perform`."""
        result = await self.perform(message, job_id, **options)
        if result.exception is not None:
            raise result.exception
        assert result.outcome == "done"
        return result

    async def clean_all(self, message: Message, job_id: str, **options: Any) -> list[str]:
        """Run a cleanup and its successors until none has more to do; return their ids."""
        ids: list[str] = []
        following: Message | None = message
        while following is not None and len(ids) < 50:
            result = await self.clean(following, job_id, **options)
            ids.append(job_id)
            following = self.successor(result)
            job_id = result.follow_ups[0].job_id if following else ""
        return ids

    def successor(self, result: JobResult) -> Message | None:
        """The message of the job that goes on, if there is one."""
        follow_up = next(iter(result.follow_ups), None)
        return follow_up.decode(load_catalogue().messages[follow_up.job_type]) if follow_up else None

    async def add(self, table: Table, *rows: dict[str, Any]) -> None:
        """Write rows."""
        async with self.database.write() as connection:
            await connection.execute(insert(table), list(rows))

    async def add_user(self, user_id: str = "user-17") -> None:
        """Write a user."""
        await self.add(users, {"id": user_id, "email": f"{user_id}@example.com"})

    async def add_file(self, file_id: str, owner: str | None = "user-17", *, days: float = 100, **values: Any) -> str:
        """Write a file's row of some age and its object, as the gateway leaves them; return the object's key."""
        key = f"uploads/{owner or 'gone'}/{file_id}"
        row = {"id": file_id, "user_id": owner, "object_key": key, "original_name": "a.bin", "status": "processed"}
        await self.objects.put(key, b"bytes", "application/octet-stream")
        await self.add(files, {**row, "created_at": NOW - days * DAY, "thumbnail_key": None, **values})
        return key

    async def put(self, *keys: str) -> None:
        """Store objects."""
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

"""The end of an upload, whichever way its bytes came: the completed row with its job, the publish, the answer."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from starlette.responses import Response

from nightshift import Publisher, Unavailable
from nightshift.database import Database
from nightshift.gateway.problems import Problem
from nightshift.gateway.responses import json_response
from nightshift.objects import ObjectStore, ObjectStoreRefusedError
from services.gateway.files.processing import processing_job, publish_now
from services.gateway.files.repository import FileRow, complete
from services.gateway.files.representation import Accepted, FileView

REPLAYED = {"Idempotency-Replayed": "true"}


class Completion:
    """Completes files whose objects are there."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        publisher: Publisher,
        view: FileView,
        now: Callable[[], datetime],
    ) -> None:
        self._database, self._objects, self._publisher = database, objects, publisher
        self._view, self._now = view, now

    async def finish(self, file: FileRow, size: int, checksum: str | None, *, trace: Mapping[str, str]) -> Response:
        """Commit the completed row together with its job, publish the job, and answer.

        Raises:
            Problem: `gone-meanwhile`, the cleanup or its owner was faster.
            Unavailable: the database is away; the row stays pending.
        """
        now = self._now()
        job = processing_job(file, trace, now)
        done = await self._database.commit(
            lambda connection: complete(connection, file, size=size, checksum=checksum, job=job.row, now=now)
        )
        if not done:
            with suppress(Unavailable, ObjectStoreRefusedError):  # the cleanup finds it as well
                await self._objects.delete(file.object_key)
            raise Problem("gone-meanwhile")
        await publish_now(job, self._publisher, self._database)
        return self.answer(replace(file, status="uploaded", size=size, checksum=checksum, updated_at=now))

    def answer(self, file: FileRow, *, replayed: bool = False) -> Response:
        """Return the answer to an upload that is complete."""
        body = Accepted(file=self._view.body(file), processing=not file.is_final)
        headers = {"Location": f"/v1/files/{file.id}"} | (REPLAYED if replayed else {})
        return json_response(body, 202, headers)

"""Direct uploads: clients send parts to the object store, to addresses that are dead once the upload is complete."""

import re
from collections.abc import Mapping

from starlette.responses import Response

from nightshift.gateway.context import GatewayContext
from nightshift.gateway.operation import Call
from nightshift.gateway.problems import Problem
from nightshift.gateway.responses import json_response
from nightshift.objects import ObjectMissingError, ObjectStore, ObjectTransfers, Part, UploadMissingError
from services.gateway.files.completion import Completion
from services.gateway.files.direct_bodies import PartBody, StoredParts
from services.gateway.files.direct_repository import UploadRow, find_upload, forget_upload
from services.gateway.files.direct_view import UploadView
from services.gateway.files.repository import FileRow, find_file, give_up

_NUMBER = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)


class DirectUploads:
    """Answers what is about direct uploads that have begun."""

    def __init__(
        self,
        context: GatewayContext,
        objects: ObjectStore,
        transfers: ObjectTransfers,
        view: UploadView,
        completion: Completion,
    ) -> None:
        self._database, self._now = context.database, context.now
        self._objects, self._transfers, self._view, self._completion = objects, transfers, view, completion

    async def get(self, call: Call) -> Response:
        """Answer `GET /v1/uploads/{id}`: which parts are missing, and where they go."""
        upload, file = await self._owned(call)
        return json_response(self._view.state(upload, file, await self._parts(upload, file)))

    async def parts(self, call: Call) -> Response:
        """Answer `GET /v1/uploads/{id}/parts`: which parts the store has."""
        upload, file = await self._owned(call)
        stored = await self._parts(upload, file)
        return json_response(StoredParts(parts=[PartBody(number=part.number, size=part.size) for part in stored]))

    async def sign(self, call: Call) -> Response:
        """Answer `POST /v1/uploads/{id}/parts/{n}`: where this part goes."""
        upload, file = await self._owned(call)
        self._require_open(upload, file)
        number = int(call.path["n"]) if _NUMBER.fullmatch(call.path["n"]) else 0
        if not 1 <= number <= upload.part_count:
            raise Problem("not-found", f"The upload has the parts 1 to {upload.part_count}.")
        return json_response(self._view.part(upload, number))

    async def complete(self, call: Call) -> Response:
        """Answer `POST /v1/uploads/{id}/complete`: the parts become one object, the file is processed."""
        upload, file = await self._owned(call)
        if file.status != "pending":
            return self._completion.answer(file, replayed=True)
        await self._join(upload)
        return await self._completion.finish(file, upload.size, upload.checksum, trace=call.trace)

    async def abort(self, call: Call) -> Response:
        """Answer `DELETE /v1/uploads/{id}`: the parts are deleted, there is no file."""
        upload, file = await self._owned(call)
        if file.status != "pending":
            raise Problem("done", "The upload is complete; delete the file instead.")
        now = self._now()
        await self._database.commit(lambda connection: give_up(connection, file.id, now))
        await self._transfers.abort(upload.object_key, upload.store_upload_id)
        await self._database.commit(lambda connection: forget_upload(connection, upload.id))
        return Response(status_code=204)

    async def _owned(self, call: Call) -> tuple[UploadRow, FileRow]:
        upload = await find_upload(self._database, call.path["id"])
        file = upload and upload.file_id and await find_file(self._database, upload.file_id)
        if not upload or not file:
            raise Problem("not-found", "There is no such upload.")
        if call.principal.user not in {None, file.user_id}:
            raise Problem("forbidden", "The upload belongs to another user.")
        return upload, file

    def _require_open(self, upload: UploadRow, file: FileRow) -> None:
        if file.status != "pending":
            raise Problem("done", "The upload is complete.")
        if upload.expires_at <= self._now():
            raise Problem("not-found", "The time for this upload is over.")

    async def _parts(self, upload: UploadRow, file: FileRow) -> list[Part]:
        """Return the parts that the store has; none any more once they are one object."""
        if file.status != "pending":
            return []
        try:
            return list(await self._transfers.parts(upload.object_key, upload.store_upload_id))
        except UploadMissingError:
            return []

    async def _join(self, upload: UploadRow) -> None:
        """Make the parts one object, which may have happened already.

        Raises:
            Problem: `incomplete`.
        """
        try:
            parts = await self._transfers.parts(upload.object_key, upload.store_upload_id)
            _require_complete(upload, {part.number: part for part in parts})
            await self._transfers.complete(upload.object_key, upload.store_upload_id, parts)
        except UploadMissingError:
            # Completed by a request whose answer was lost; then the object is as large as all parts.
            await self._require_object(upload)

    async def _require_object(self, upload: UploadRow) -> None:
        try:
            found = await self._objects.stat(upload.object_key)
        except ObjectMissingError:
            raise Problem("not-found", "The store no longer has the parts of this upload.") from None
        if found.size != upload.size:
            raise Problem("incomplete", f"The object has {found.size} bytes, {upload.size} were announced.")


def _require_complete(upload: UploadRow, parts: Mapping[int, Part]) -> None:
    """Compare what the store has with what was announced.

    Raises:
        Problem: `incomplete`; says what is missing or has another size.
    """
    missing = [number for number in range(1, upload.part_count + 1) if number not in parts]
    if missing:
        raise Problem(
            "incomplete", f"{len(missing)} of {upload.part_count} parts are missing, the first is {missing[0]}."
        )
    for number, part in parts.items():
        if number > upload.part_count or part.size != upload.size_of(number):
            raise Problem("incomplete", f"Part {number} has {part.size} bytes, which is not what was announced.")

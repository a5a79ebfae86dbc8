"""Direct uploads: clients send parts to the object store, to addresses that are dead once the upload is complete."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from uuid import uuid4

from sqlalchemy import Connection
from starlette.responses import Response

from nightshift.objects import ObjectMissingError, ObjectStoreRefusedError, ObjectTransfers, Part, UploadMissingError
from nightshift.outcomes import Unavailable
from services.gateway.auth.principal import Limits
from services.gateway.body import read_json
from services.gateway.context import GatewayContext
from services.gateway.files.announcement import media_type, owner
from services.gateway.files.completion import Completion
from services.gateway.files.direct_bodies import AnnounceUpload, PartBody, StoredParts, UploadBody, UploadState
from services.gateway.files.direct_repository import UploadRow, find_upload, forget_upload, insert_upload
from services.gateway.files.file_names import clean_name
from services.gateway.files.json_body import decode_body
from services.gateway.files.part_sizes import part_size
from services.gateway.files.quotas import quota_of
from services.gateway.files.receipt import too_large
from services.gateway.files.repository import FileRow, find_file, give_up, insert_file, is_user, new_file
from services.gateway.files.representation import FileView
from services.gateway.operation import Call
from services.gateway.problems import Problem
from services.gateway.responses import json_response

PART_LINK_LIFETIME = timedelta(hours=1)
LISTED_PARTS = 20
"""Parts of which an answer holds the addresses; for others a client asks."""
_BODY_BYTES = 16 * 1024
_NUMBER = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)


class DirectUploads:
    """Answers what is about direct uploads."""

    def __init__(
        self, context: GatewayContext, transfers: ObjectTransfers, view: FileView, completion: Completion
    ) -> None:
        self._settings, self._database, self._now = context.settings, context.database, context.now
        self._objects, self._transfers, self._view, self._completion = context.objects, transfers, view, completion

    async def announce(self, call: Call) -> Response:
        """Answer `POST /v1/uploads`: begin an upload at the store and say where its parts go."""
        wanted = decode_body(await read_json(call.request, _BODY_BYTES), AnnounceUpload)
        if wanted.size > self._settings.max_file_bytes:
            raise too_large(self._settings.max_file_bytes)
        now, user = self._now(), owner(call.principal, wanted.user_id)
        content_type = media_type(wanted.content_type)
        file = new_file(user, name=clean_name(wanted.filename), content_type=content_type, size=wanted.size, now=now)
        store_id = await self._transfers.begin(file.object_key, content_type)
        upload = UploadRow(
            id=uuid4().hex,
            file_id=file.id,
            object_key=file.object_key,
            store_upload_id=store_id,
            size=wanted.size,
            part_size=part_size(wanted.size),
            checksum=wanted.sha256,
            expires_at=now + timedelta(hours=self._settings.gateway_upload_hours),
        )
        try:
            await self._database.commit(partial(self._insert, file=file, upload=upload, limits=call.principal.limits))
        except BaseException:
            with suppress(Unavailable, ObjectStoreRefusedError):  # maintenance finds it as well
                await self._transfers.abort(file.object_key, store_id)
            raise
        return json_response(self._state(upload, file, []), 201, {"Location": f"/v1/uploads/{upload.id}"})

    async def get(self, call: Call) -> Response:
        """Answer `GET /v1/uploads/{id}`: which parts are missing, and where they go."""
        upload, file = await self._owned(call)
        return json_response(self._state(upload, file, await self._parts(upload, file)))

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
        return json_response(self._part(upload, number))

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

    def _insert(self, connection: Connection, *, file: FileRow, upload: UploadRow, limits: Limits) -> None:
        if not is_user(connection, file.user_id):
            raise Problem("unknown-user")
        quota_of(limits, self._settings).check(connection, file.user_id, file.size, file.created_at)
        insert_file(connection, file)
        insert_upload(connection, upload, file.created_at)

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

    def _state(self, upload: UploadRow, file: FileRow, stored: list[Part]) -> UploadState:
        there = {part.number for part in stored if part.size == upload.size_of(part.number)}
        missing = [number for number in range(1, upload.part_count + 1) if number not in there]
        listed = missing[:LISTED_PARTS] if file.status == "pending" else []
        body = UploadBody(
            id=upload.id,
            part_size=upload.part_size,
            part_count=upload.part_count,
            expires_at=upload.expires_at,
            parts=[self._part(upload, number) for number in listed],
        )
        return UploadState(upload=body, file=self._view.body(file))

    def _part(self, upload: UploadRow, number: int) -> PartBody:
        url = self._transfers.part_url(upload.object_key, upload.store_upload_id, number, lifetime=PART_LINK_LIFETIME)
        return PartBody(number=number, size=upload.size_of(number), url=url)


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

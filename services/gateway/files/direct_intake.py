"""Begins direct uploads: admission, the upload at the object store, the pending rows, the addresses of its parts."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import uuid4

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from nightshift import Unavailable
from nightshift.gateway.auth.principal import Limits
from nightshift.gateway.body import read_json
from nightshift.gateway.context import GatewayContext
from nightshift.gateway.operation import Call
from nightshift.gateway.problems import Problem
from nightshift.gateway.responses import json_response
from nightshift.objects import ObjectStoreRefusedError, ObjectTransfers, Part, UploadMissingError
from services.gateway.files.announcement import media_type, owner
from services.gateway.files.completion import REPLAYED
from services.gateway.files.direct_bodies import AnnounceUpload
from services.gateway.files.direct_repository import UploadRow, find_upload_of, insert_upload
from services.gateway.files.direct_view import UploadView
from services.gateway.files.file_names import clean_name
from services.gateway.files.idempotency import IdempotencyKey, claim, free, key_of, known_file
from services.gateway.files.json_body import decode_body
from services.gateway.files.part_sizes import part_size
from services.gateway.files.quotas import quota_of
from services.gateway.files.receipt import too_large
from services.gateway.files.repository import FileRow, insert_file, is_user, new_file
from services.gateway.settings import FileGatewaySettings

_BODY_BYTES = 16 * 1024
_TRIES = 3


@dataclass(slots=True, frozen=True)
class DirectUpload:
    """The two rows of a direct upload."""

    upload: UploadRow
    file: FileRow


class DirectIntake:
    """Answers `POST /v1/uploads`."""

    def __init__(
        self, context: GatewayContext, settings: FileGatewaySettings, transfers: ObjectTransfers, view: UploadView
    ) -> None:
        self._settings, self._database, self._now = settings, context.database, context.now
        self._transfers, self._view = transfers, view

    async def __call__(self, call: Call) -> Response:
        """Begin an upload at the store and say where its parts go; with a known key say it of the one that there is."""
        wanted = decode_body(await read_json(call.request, _BODY_BYTES), AnnounceUpload)
        if wanted.size > self._settings.max_file_bytes:
            raise too_large(self._settings.max_file_bytes)
        now, user = self._now(), owner(call.principal, wanted.user_id)
        name, content_type = clean_name(wanted.filename), media_type(wanted.content_type)
        key = key_of(call, ("direct", user, name, content_type, wanted.size, wanted.sha256))
        if key is not None and (known := await self._database.commit(partial(self._known, key=key))):
            return await self._replay(known)
        file = new_file(user, name=name, content_type=content_type, size=wanted.size, now=now)
        upload = UploadRow(
            id=uuid4().hex,
            file_id=file.id,
            object_key=file.object_key,
            store_upload_id=await self._transfers.begin(file.object_key, content_type),
            size=wanted.size,
            part_size=part_size(wanted.size),
            checksum=wanted.sha256,
            expires_at=now + timedelta(hours=self._settings.gateway_upload_hours),
        )
        return await self._begin(DirectUpload(upload, file), key, call.principal.limits)

    async def _begin(self, new: DirectUpload, key: IdempotencyKey | None, limits: Limits) -> Response:
        """Write the rows of an upload that the store has begun; where that fails the store forgets it again."""
        try:
            known = await self._insert(partial(self._write, new=new, key=key, limits=limits))
        except BaseException:
            await self._abort(new.upload)
            raise
        if known is not None:  # another request with this key was faster
            await self._abort(new.upload)
            return await self._replay(known)
        location = {"Location": f"/v1/uploads/{new.upload.id}"}
        return json_response(self._view.state(new.upload, new.file, []), 201, location)

    async def _insert(self, work: partial[DirectUpload | None]) -> DirectUpload | None:
        for _ in range(1, _TRIES):
            with suppress(IntegrityError):  # somebody else was faster with this key
                return await self._database.commit(work)
        return await self._database.commit(work)

    def _write(
        self, connection: Connection, *, new: DirectUpload, key: IdempotencyKey | None, limits: Limits
    ) -> DirectUpload | None:
        """Write the rows, and return None; or return the upload that has this key already."""
        file = new.file
        if key is not None and (known := self._known(connection, key)):
            return known
        if not is_user(connection, file.user_id):
            raise Problem("unknown-user")
        quota_of(limits, self._settings).check(connection, file.user_id, file.size, file.created_at)
        insert_file(connection, file)
        insert_upload(connection, new.upload, file.created_at)
        if key is not None:
            claim(connection, key, file.id, file.created_at)
        return None

    def _known(self, connection: Connection, key: IdempotencyKey) -> DirectUpload | None:
        """Return the upload that was announced with this key; one whose time is over frees it."""
        now = self._now()
        file = known_file(connection, key, now)
        if file is None:
            return None
        upload = find_upload_of(connection, file.id)
        if upload is not None and (file.status != "pending" or upload.expires_at > now):
            return DirectUpload(upload, file)
        free(connection, key, file.id)
        return None

    async def _replay(self, known: DirectUpload) -> Response:
        upload, file = known.upload, known.file
        stored: list[Part] = []
        if file.status == "pending":
            with suppress(UploadMissingError):
                stored = list(await self._transfers.parts(upload.object_key, upload.store_upload_id))
        headers = {"Location": f"/v1/uploads/{upload.id}", **REPLAYED}
        return json_response(self._view.state(upload, file, stored), 201, headers)

    async def _abort(self, upload: UploadRow) -> None:
        with suppress(Unavailable, ObjectStoreRefusedError):  # maintenance finds it as well
            await self._transfers.abort(upload.object_key, upload.store_upload_id)

"""Takes a file in: admission, pending row, bytes into the object store, completed row with its job, answer."""

import asyncio
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette.responses import Response

from nightshift import Unavailable
from nightshift.gateway.auth.principal import Principal
from nightshift.gateway.body import refuse_encoded
from nightshift.gateway.context import GatewayContext
from nightshift.gateway.operation import Call
from nightshift.gateway.problems import Problem
from nightshift.gateway.slots import Slots
from nightshift.objects import ObjectStoreRefusedError, ObjectTransfers
from nightshift.observability.log import get_logger
from services.gateway.files.announcement import Announcement, form_announcement, raw_announcement
from services.gateway.files.completion import Completion
from services.gateway.files.form import MAX_REST_BYTES, is_form
from services.gateway.files.idempotency import IdempotencyKey, claim, keep_alive, key_of, look_up
from services.gateway.files.quotas import Quota, quota_of
from services.gateway.files.receipt import Receipt, too_large
from services.gateway.files.repository import FileRow, give_up, insert_file, is_user, new_file
from services.gateway.settings import FileGatewaySettings

_TRIES = 3
_RETRY_SECONDS = 5
_SPOOLED_BYTES = 8 << 20
_log = get_logger("gateway")


@dataclass(slots=True, frozen=True)
class Admitted:
    """A file that may come in; `allowance` is how many bytes the quota leaves. `replayed`: it came in before."""

    file: FileRow
    allowance: int | None = None
    replayed: bool = False


class FileIntake:
    """Answers `POST /v1/files`."""

    def __init__(
        self,
        context: GatewayContext,
        settings: FileGatewaySettings,
        transfers: ObjectTransfers,
        completion: Completion,
    ) -> None:
        self._settings, self._database, self._now = settings, context.database, context.now
        self._transfers, self._completion = transfers, completion
        self._slots = Slots(settings.gateway_uploads, per_key=settings.gateway_uploads_per_key)
        self._spool_folder = settings.gateway_spool_folder or tempfile.gettempdir()

    async def __call__(self, call: Call) -> Response:
        """Take one file in; answer when it is on our disk, and its job with it."""
        refuse_encoded(call.request)
        self._refuse_too_large(call.request)
        with self._slots.taken(call.principal.key_id):
            if is_form(call.request):
                announced = await form_announcement(call.request, call.principal)
            else:
                announced = raw_announcement(call.request, call.principal)
            key = _key(call, announced)
            admitted = await self._admit(call.principal, announced, key)
            if admitted.replayed:
                await _drop(call.request, announced)
                return self._completion.answer(admitted.file, replayed=True)
            receipt = await self._receive(announced, admitted, has_key=key is not None)
            return await self._completion.finish(admitted.file, receipt.size, receipt.checksum, trace=call.trace)

    def _refuse_too_large(self, request: Request) -> None:
        """Refuse by its head what will be too large, before the client sends it."""
        rest = MAX_REST_BYTES if is_form(request) else 0
        if int(request.headers.get("content-length", "0")) > self._settings.max_file_bytes + rest:
            raise too_large(self._settings.max_file_bytes)

    async def _admit(self, principal: Principal, announced: Announcement, key: IdempotencyKey | None) -> Admitted:
        """Write the pending row, and its key with it; or find the file that came in with this key before."""
        if announced.size is None:
            await asyncio.to_thread(self._require_disk)
        quota = quota_of(principal.limits, self._settings)
        work = partial(self._announce, announced=announced, quota=quota, key=key)
        for _ in range(1, _TRIES):
            with suppress(IntegrityError):  # somebody else was faster with this key
                return await self._database.commit(work)
        return await self._database.commit(work)

    def _announce(
        self, connection: Connection, *, announced: Announcement, quota: Quota, key: IdempotencyKey | None
    ) -> Admitted:
        now = self._now()
        if key is not None and (known := look_up(connection, key, now)):
            return Admitted(known, replayed=True)
        if not is_user(connection, announced.user):
            raise Problem("unknown-user")
        allowance = quota.check(connection, announced.user, announced.size, now)
        file = new_file(
            announced.user, name=announced.name, content_type=announced.content_type, size=announced.size, now=now
        )
        insert_file(connection, file)
        if key is not None:
            claim(connection, key, file.id, now)
        return Admitted(file, allowance)

    def _require_disk(self) -> None:
        """Refuse what has to wait on disk where the disk has no room for all that may come in like this."""
        if shutil.disk_usage(self._spool_folder).free < _SPOOLED_BYTES * self._slots.in_use:
            _log.error("spool_full", f"{self._spool_folder} has no room for uploads of unknown length")
            raise Problem("busy", retry_after=_RETRY_SECONDS)

    async def _receive(self, announced: Announcement, admitted: Admitted, *, has_key: bool) -> Receipt:
        """Pass the bytes on to the store; whatever goes wrong, the row is given up and no object appears."""
        file = admitted.file
        receipt = Receipt(
            limit=self._settings.max_file_bytes,
            allowance=admitted.allowance,
            digest=announced.digest,
            pulse=partial(self._keep_alive, file.id) if has_key else None,
        )
        try:
            await self._transfers.receive(
                file.object_key,
                receipt.pass_on(announced.pieces),
                length=announced.size,
                content_type=announced.content_type,
            )
        except BaseException as error:
            await self._give_up(file.id)
            if isinstance(error, (ObjectStoreRefusedError, OSError)):
                raise Unavailable("objects", str(error)) from error
            raise
        return receipt

    async def _keep_alive(self, file_id: str) -> None:
        with suppress(Unavailable):
            await self._database.commit(partial(keep_alive, file_id=file_id, now=self._now()))

    async def _give_up(self, file_id: str) -> None:
        """Free the key of an upload that has failed; where the database is away, its time does."""
        with suppress(Unavailable):
            await self._database.commit(partial(give_up, file_id=file_id, now=self._now()))


async def _drop(request: Request, announced: Announcement) -> None:
    """Let a client send what nobody needs: most read no answer before they have sent all, unless they asked."""
    if request.headers.get("expect", "").lower() != "100-continue":
        with suppress(Problem):
            async for _ in announced.pieces:
                pass


def _key(call: Call, announced: Announcement) -> IdempotencyKey | None:
    # A form's length depends on its random boundary: it says nothing about the file.
    parts = (announced.user, announced.name, announced.content_type, announced.size, announced.digest)
    return key_of(call, parts)

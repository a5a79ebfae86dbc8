"""The state of a file: asked for, waited for, streamed as events; and its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec
from starlette.responses import Response, StreamingResponse

from nightshift.gateway.context import GatewayContext
from nightshift.gateway.operation import Call
from nightshift.gateway.patience import result_or
from nightshift.gateway.preferences import applied, wait_seconds
from nightshift.gateway.problems import Problem
from nightshift.gateway.responses import EVENT_HEADERS, json_response
from nightshift.gateway.slots import Slots
from services.gateway.files.repository import FileRow, disown, find_file
from services.gateway.files.representation import FileView, version_of
from services.gateway.files.watch import FileWatch

HEARTBEAT_SECONDS = 15.0
POLL_SECONDS = 1


class FileState:
    """Answers what asks for one file."""

    def __init__(self, context: GatewayContext, view: FileView) -> None:
        self._database, self._draining, self._view = context.database, context.draining, view
        self._watch = FileWatch(context.database)
        self._waiting = Slots(context.settings.gateway_event_streams)

    async def get(self, call: Call) -> Response:
        """Answer `GET /v1/files/{id}`; with `Prefer: wait=30` when it is processed, or after so many seconds."""
        file = await self.owned(call)
        seconds = 0 if file.is_final else wait_seconds(call.request)
        if seconds:
            file = await self._final(call, file, seconds)
        return self._answer(call, file, applied(seconds) if seconds else {})

    async def delete(self, call: Call) -> Response:
        """Answer `DELETE /v1/files/{id}`: it is gone for everybody at once, its object with the next cleanup."""
        file = await self.owned(call)
        await self._database.commit(lambda connection: disown(connection, file.id))
        return Response(status_code=202)

    async def events(self, call: Call) -> Response:
        """Answer `GET /v1/files/{id}/events`: one event for each state, and the end after the last."""
        file = await self.owned(call)
        seen = call.request.headers.get("last-event-id", "")
        if file.is_final and seen == version_of(file):
            return Response(status_code=204)  # tells a browser's EventSource not to connect again
        key_id = call.principal.key_id
        self._waiting.check(key_id)
        return StreamingResponse(
            self._events(file, seen, key_id), headers=EVENT_HEADERS, media_type="text/event-stream"
        )

    async def owned(self, call: Call) -> FileRow:
        """Return the file of the call's path.

        Raises:
            Problem: `not-found`, or `forbidden` where it belongs to another user than the key.
        """
        file = await find_file(self._database, call.path["id"])
        if file is None:
            raise Problem("not-found", "There is no such file.")
        if call.principal.user not in {None, file.user_id}:
            raise Problem("forbidden", "The file belongs to another user.")
        return file

    def _answer(self, call: Call, file: FileRow, extra: dict[str, str]) -> Response:
        etag = self._view.etag(file)
        headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Prefer", **extra}
        if not file.is_final:
            headers["Retry-After"] = str(POLL_SECONDS)
        if etag in {tag.strip() for tag in call.request.headers.get("if-none-match", "").split(",")}:
            return Response(status_code=304, headers=headers)
        return json_response(self._view.body(file), headers=headers)

    async def _final(self, call: Call, file: FileRow, seconds: float) -> FileRow:
        """Return the file when nothing more will happen to it, or as it is after so many seconds."""
        with self._waiting.taken(call.principal.key_id), suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not file.is_final and not self._draining.is_set():
                    changed = await self._change(file, seconds)
                    if changed is None:
                        raise Problem("not-found", "The file has been deleted.")
                    file = changed
        return file

    async def _change(self, file: FileRow, seconds: float) -> FileRow | None:
        """Return the file when it has changed, as it is after so many seconds or when the process stops."""
        changing = self._watch.change(file.id, version_of(file))
        return await result_or(file, changing, seconds=seconds, draining=self._draining)

    async def _events(self, file: FileRow | None, seen: str, key_id: str) -> AsyncIterator[bytes]:
        with self._waiting.held(key_id):
            while file is not None and not self._draining.is_set():
                version = version_of(file)
                if version != seen:
                    seen = version
                    yield self._event(file)
                if file.is_final:
                    return
                file = await self._change(file, HEARTBEAT_SECONDS)
                if file is not None and version_of(file) == seen:
                    yield b": still waiting\n\n"

    def _event(self, file: FileRow) -> bytes:
        data = msgspec.json.encode(self._view.body(file))
        return b"id: %b\nevent: %b\ndata: %b\n\n" % (version_of(file).encode(), file.status.encode(), data)

"""The operations of files."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from nightshift import Publisher
from nightshift.gateway.context import GatewayContext
from nightshift.gateway.operation import Operation
from nightshift.objects.absent import AbsentObjectStore
from nightshift.runtime.object_stores import object_transfers
from services.gateway.files.completion import Completion
from services.gateway.files.direct import DirectUploads
from services.gateway.files.direct_intake import DirectIntake
from services.gateway.files.direct_view import UploadView
from services.gateway.files.intake import FileIntake
from services.gateway.files.representation import FileView
from services.gateway.files.state import FileState
from services.gateway.settings import FileGatewaySettings

PUBLISH_SECONDS = 1.0
"""For the broker's acknowledgement of a job whose outbox row is committed: after that the relay has it."""


def operations(context: GatewayContext, stack: AsyncExitStack) -> Sequence[Operation]:
    """Return the operations of files; what they open is closed on the stack.

    Raises:
        TypeError: the gateway has not the settings of files, which demand an object store.
    """
    settings, objects = context.settings, context.objects
    if not isinstance(settings, FileGatewaySettings) or isinstance(objects, AbsentObjectStore):
        raise TypeError("the settings of a gateway with files are FileGatewaySettings")
    transfers = object_transfers(
        settings, public_endpoint=settings.s3_public_endpoint, spool_folder=settings.gateway_spool_folder
    )
    stack.push_async_callback(transfers.close)
    view = FileView(transfers, context.now)
    publisher = Publisher(context.connection, objects, timeout_seconds=PUBLISH_SECONDS, tracing=context.tracing)
    completion = Completion(context.database, objects, publisher, view, context.now)
    intake, state = FileIntake(context, settings, transfers, completion), FileState(context, view)
    uploads = UploadView(transfers, view)
    begin, direct = (
        DirectIntake(context, settings, transfers, uploads),
        DirectUploads(context, objects, transfers, uploads, completion),
    )
    read, write = "files:read", "files:write"
    return (
        Operation("POST", "/v1/files", intake, write),
        Operation("GET", "/v1/files/{id}", state.get, read),
        Operation("DELETE", "/v1/files/{id}", state.delete, write),
        Operation("GET", "/v1/files/{id}/events", state.events, read),
        Operation("POST", "/v1/uploads", begin, write),
        Operation("GET", "/v1/uploads/{id}", direct.get, write),
        Operation("DELETE", "/v1/uploads/{id}", direct.abort, write),
        Operation("GET", "/v1/uploads/{id}/parts", direct.parts, write),
        Operation("POST", "/v1/uploads/{id}/parts/{n}", direct.sign, write),
        Operation("POST", "/v1/uploads/{id}/complete", direct.complete, write),
    )
